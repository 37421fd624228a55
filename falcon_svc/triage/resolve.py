"""The re-solve: parents with all wishes, then the head with what a person placed held fast.

    review -> head of the present classes -> relation (solver) -> head tuned -> links -> placement

Nothing is changed here: `Session.resolve` writes the placement and appends the revision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from falcon_svc.errors import FalconError
from falcon_svc.progress import Progress, Silent
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.head import EPOCHS, Head, HeadTask, Placed
from falcon_svc.triage.links import check_links, keep_links, linked_rows
from falcon_svc.triage.relation import ContradictionError, solve_parents
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review, numbers
from falcon_svc.types import BoolArray, FloatArray, IntArray
from solver import Solution


class CancelledError(FalconError):
    """A re-solve was cancelled; the review is as it was."""

    code = "cancelled"


@dataclass(frozen=True, eq=False)
class Resolution:
    """What a re-solve found: the placement, the certified relation, and the head inputs."""

    placement: Placement
    relation: Solution
    inputs: FloatArray


def resolve(
    review: Review,
    features: FloatArray,
    neighbors: IntArray,
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Resolution:
    """Solve a review again with everything that was said.

    Parameters
    ----------
    review : Review
        Stays as it is.
    features : float32 (N, D)
        Features of the result.
    neighbors : int64 (N, K)
        Rows of the nearest samples with the same coarse label as corrected.
    seed : int
        Same seed, same answer.
    epochs : int >= 0
        Epochs of the head; 0 takes the head as it starts.
    progress : Progress
        Told of the stages "relation" and "head".
    cancelled : callable
        Asked after every epoch.

    Raises
    ------
    ContradictionError
        A minimal set of corrections that cannot hold together, in words.
    CancelledError
    """
    progress = progress or Silent()
    check_links(review)
    alive = _alive(review)
    progress.stage("relation", 1)
    task = _task(review, alive, features, neighbors)
    head = Head(task, seed=seed)
    solution = solve_parents(review, alive, head.mass())
    if not np.array_equal(solution.relation, task.relation):
        task = replace(task, relation=solution.relation)
        head = Head(task, seed=seed)
    _check_homes(review, task)
    progress.advance(1, {"seconds": solution.seconds})

    def told(done: int, loss: float) -> None:
        progress.advance(done, {"loss": loss})
        if cancelled():
            raise CancelledError("The re-solve was cancelled; the review is as it was.")

    progress.stage("head", epochs)
    if epochs:
        head.tune(epochs=epochs, on_epoch=told)
    placed = head.place()
    if review.links:
        placed = keep_links(placed, review, head.log_prob(linked_rows(review.links)))
    placement = _placement(review, alive, solution.relation, placed)
    return Resolution(placement, solution, head.inputs)


def looked_at(
    review: Review, features: FloatArray, neighbors: IntArray, *, seed: int = 0
) -> Placement:
    """Return where a head that starts from a review's classes would put every sample, untrained.

    Parameters
    ----------
    review : Review
        Every coarse class has a class with samples; it stays as it is.
    features : float32 (N, D)
    neighbors : int64 (N, K)
    seed : int
    """
    alive = _alive(review)
    task = _task(review, alive, features, neighbors)
    placed = Head(task, seed=seed).place()
    return _placement(review, alive, task.relation, placed)


def _alive(review: Review) -> list[int]:
    """Numbers of the classes that go on: with samples, or the only ones of a coarse class."""
    with_samples = set(np.unique(review.fine).tolist())
    kept = [number for number in numbers(review) if number in with_samples]
    held = {q for number in kept for q in review.classes[number].parents}
    lonely = [n for n in numbers(review) if set(review.classes[n].parents) - held]
    return sorted({*kept, *lonely})


def _task(review: Review, alive: list[int], features: FloatArray, neighbors: IntArray) -> HeadTask:
    row = np.full(review.next_number + 1, -1, np.int64)
    row[alive] = np.arange(len(alive))
    relation = np.zeros((len(alive), len(review.coarse_names)), np.bool_)
    for i, number in enumerate(alive):
        relation[i, list(review.classes[number].parents)] = True
    fine = row[review.fine]
    unlabelled = np.flatnonzero((review.coarse < 0) & (review.given_coarse >= 0))
    return HeadTask(
        features=features,
        neighbors=neighbors,
        coarse=review.coarse,
        fine=fine,
        fixed=review.fixed & (fine >= 0),
        relation=relation,
        excluded={
            sample: frozenset(int(row[number]) for number in barred if row[number] >= 0)
            for sample, barred in review.excluded.items()
        },
        barred={int(r): int(review.given_coarse[r]) for r in unlabelled},
    )


def _check_homes(review: Review, task: HeadTask) -> None:
    """Raise ContradictionError where a sample was taken out of every class under its label."""
    for row, out in task.excluded.items():
        coarse = int(task.coarse[row])
        homes = set(np.flatnonzero(task.relation[:, coarse]).tolist()) if coarse >= 0 else set()
        if homes and homes <= out and not task.fixed[row]:
            name = review.coarse_names[coarse]
            raise ContradictionError(
                [
                    f"{review.ids[row]!r} has the coarse label {name!r}",
                    f"it was taken out of every class that is left under {name!r}",
                ]
            )


def _placement(review: Review, alive: list[int], relation: BoolArray, placed: Placed) -> Placement:
    number = np.array([*alive, -1], np.int64)
    sizes = np.bincount(placed.fine, minlength=len(alive))
    needed = relation & (relation[sizes > 0].sum(axis=0) == 0)  # nobody else hangs there
    classes = tuple(
        _kept(review.classes[alive[i]], relation[i])
        for i in range(len(alive))
        if sizes[i] or needed[i].any()
    )
    return Placement(
        fine=number[placed.fine],
        runner_up=number[placed.runner_up],
        confidence=placed.confidence,
        rival=placed.rival,
        classes=classes,
        next_number=review.next_number,
    )


def _kept(held: ReviewClass, parents: BoolArray) -> ReviewClass:
    return replace(held, parents=tuple(np.flatnonzero(parents).tolist()))
