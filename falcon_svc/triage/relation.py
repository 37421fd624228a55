"""Parents of the classes, solved again with everything the reviewer said.

Each correction about classes and parents becomes a typed constraint of `solver`; accepted classes
and classes that hold samples placed by hand are pinned where they are, and the others leave their
parent only where that is worth more than a whole class. Where the wishes contradict each other,
a minimal set of them comes back in the reviewer's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.training.relation_step import extra_parents
from falcon_svc.errors import FalconError
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray
from solver import (
    CannotLink,
    Constraint,
    Constraints,
    Forbid,
    MustLink,
    Pin,
    RelationProblem,
    Solution,
    StayClose,
    explain_infeasible,
    solve,
)

SOLVE_LIMIT_S = 10.0


class ContradictionError(FalconError):
    """Corrections that cannot hold together; `wishes` is a minimal set of them, in words."""

    code = "contradiction"

    def __init__(self, wishes: Sequence[str], why: str = "") -> None:
        self.wishes = tuple(wishes)
        listed = "; ".join(self.wishes) or why
        super().__init__(
            f"These corrections cannot hold together: {listed}. Undo one of them, then solve again."
        )


@dataclass(frozen=True)
class WordedWish:
    """A constraint of the solver and the correction that it stands for, as a clause."""

    constraint: Constraint
    words: str


def solve_parents(
    review: Review,
    numbers: Sequence[int],
    mass: NDArray[np.float64],
    *,
    time_limit_s: float = SOLVE_LIMIT_S,
) -> Solution:
    """Return the relation of the classes `numbers` under all wishes.

    Parameters
    ----------
    review : Review
    numbers : sequence of int
        (F,) numbers of the classes, in the order of the rows.
    mass : float64 (F, C)
        Mean probability mass of class i among the samples labelled k; sums to 1.
    time_limit_s : float > 0

    Raises
    ------
    ContradictionError
        The wishes cannot hold together.
    """
    wishes = worded_wishes(review, numbers)
    before = _relation(review, numbers)
    stay = StayClose("stay", before.argmax(axis=1), price=1.0 / len(numbers))
    extra = extra_parents(before)
    others = [stay] if extra is None else [stay, extra]
    every = Constraints((*(wish.constraint for wish in wishes), *others))
    problem = RelationProblem(mass, constraints=every)
    solution = solve(problem, time_limit_s=time_limit_s)
    if not solution.relation.any():
        raise _contradiction(problem, wishes, time_limit_s)
    return solution


def worded_wishes(review: Review, numbers: Sequence[int]) -> list[WordedWish]:
    """Return the constraints that a review holds for the classes `numbers`, with their words."""
    row = {number: i for i, number in enumerate(numbers)}
    held, names = review.wishes, review.coarse_names
    wishes = [
        *(
            WordedWish(Pin(f"pin-{c}", row[c], q), f"{_name(review, c)} hangs under {names[q]!r}")
            for c, q in held.pins
            if c in row
        ),
        *(
            WordedWish(
                Forbid(f"forbid-{c}-{q}", row[c], q),
                f"{_name(review, c)} never hangs under {names[q]!r}",
            )
            for c, q in held.forbids
            if c in row
        ),
    ]
    for a, b in held.must:
        if a in row and b in row:
            words = f"{_name(review, a)} and {_name(review, b)} hang under the same coarse class"
            wishes.append(WordedWish(MustLink(f"must-{a}-{b}", row[a], row[b]), words))
    for a, b in held.cannot:
        if a in row and b in row:
            words = f"{_name(review, a)} and {_name(review, b)} hang under different coarse classes"
            wishes.append(WordedWish(CannotLink(f"cannot-{a}-{b}", row[a], row[b]), words))
    return [*wishes, *_accepted(review, row), *_placed(review, row)]


def _accepted(review: Review, row: dict[int, int]) -> list[WordedWish]:
    return [
        WordedWish(
            Pin(f"accepted-{number}-{coarse}", row[number], coarse),
            f"{_name(review, number)} was accepted under {review.coarse_names[coarse]!r}",
        )
        for number, held in review.classes.items()
        if number in row and held.status == "accepted"
        for coarse in held.parents
    ]


def _placed(review: Review, row: dict[int, int]) -> list[WordedWish]:
    """A class that holds a sample by hand hangs under the sample's coarse label."""
    fixed = np.flatnonzero(review.fixed & (review.coarse >= 0) & (review.fine >= 0))
    pairs, first, counts = np.unique(
        np.stack((review.fine[fixed], review.coarse[fixed])),
        axis=1,
        return_index=True,
        return_counts=True,
    )
    wishes = []
    for (number, coarse), example, count in zip(pairs.T.tolist(), first, counts, strict=True):
        if number in row:
            who = repr(review.ids[fixed[example]])
            more = f" and {count - 1:,} more" if count > 1 else ""
            words = (
                f"{who}{more} with the coarse label {review.coarse_names[coarse]!r} "
                f"{'were' if more else 'was'} placed in {_name(review, number)} by hand"
            )
            wishes.append(WordedWish(Pin(f"placed-{number}-{coarse}", row[number], coarse), words))
    return wishes


def _contradiction(
    problem: RelationProblem, wishes: list[WordedWish], time_limit_s: float
) -> ContradictionError:
    found = explain_infeasible(problem, time_limit_s=time_limit_s)
    words = {wish.constraint.id: wish.words for wish in wishes}
    return ContradictionError([words[name] for name in found.ids if name in words], found.sentence)


def _relation(review: Review, numbers: Sequence[int]) -> BoolArray:
    relation = np.zeros((len(numbers), len(review.coarse_names)), np.bool_)
    for i, number in enumerate(numbers):
        relation[i, list(review.classes[number].parents)] = True
    return relation


def _name(review: Review, number: int) -> str:
    held: ReviewClass = review.classes[number]
    return f"{held.name!r} ({held.id})"
