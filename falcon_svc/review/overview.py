"""The state of a review in one document: every coarse and fine class with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.triage.state import Review
from falcon_svc.triage.words import stability_verdict
from falcon_svc.types import IntArray

if TYPE_CHECKING:
    from falcon_svc.triage.session import Session
    from falcon_svc.triage.solutions import Placement

MOST_CELLS = 4_000_000
"""Of a table of classes by siblings, which counts a million samples in milliseconds."""


def overview(session: Session) -> dict[str, Any]:
    """Return what the page shows first: head, coarse classes, classes, what can be undone."""
    review = session.review
    labelled = review.coarse[review.coarse >= 0]
    sizes = np.bincount(labelled, minlength=len(review.coarse_names)).tolist()
    return {
        "head": session.head,
        "n_samples": len(review.ids),
        "n_unplaced": int((review.fine < 0).sum()),
        "n_revisions": len(session.log.revisions),
        "coarse": [
            {"name": name, "number": number, "size": sizes[number]}
            for number, name in enumerate(review.coarse_names)
        ],
        "classes": list(_classes(session)),
    }


def _classes(session: Session) -> Iterator[dict[str, Any]]:
    review, placement = session.review, session.placement
    rival, mass = rivals(review, placement)
    figures = _figures(review, placement)
    columns = (*figures, rival, mass.round(4))
    size, settled, confidence, nearest, most = (column.tolist() for column in columns)
    judged = (*session.judged, (None, stability_verdict(None)))  # what the run did not find is last
    for number, held in review.classes.items():
        stability, verdict = judged[held.found]
        yield {
            "id": held.id,
            "number": number,
            "name": held.name,
            "named": held.named,
            "parents": held.parents,
            "status": held.status,
            "colour": held.colour,
            "size": size[number],
            "n_settled": settled[number],
            "confidence": confidence[number],
            "stability": stability,
            "verdict": verdict,
            "rival": None if nearest[number] < 0 else f"c{nearest[number]}",
            "rival_mass": most[number],
            "born_of": held.born_of,
        }


def _figures(review: Review, placement: Placement) -> tuple[IntArray, IntArray, NDArray[Any]]:
    """Per class number: size, settled samples, mean confidence."""
    count = max(review.next_number, 1)
    shifted = review.fine + 1  # those in no class come first, and are left out
    size = np.bincount(shifted, minlength=count + 1)[1:]
    settled = np.bincount(shifted[review.fixed], minlength=count + 1)[1:]
    total = np.bincount(shifted, placement.confidence, count + 1)[1:]
    return size, settled, (total / np.maximum(size, 1)).round(4)


def rivals(review: Review, placement: Placement) -> tuple[IntArray, NDArray[np.float64]]:
    """Return per class number the class that its samples come nearest to, and how near.

    Returns
    -------
    int64 (n,)
        The runner-up with the largest summed probability; -1 = none.
    float (n,)
        The sum over the size of the class.
    """
    count = max(review.next_number, 1)
    alive = np.zeros(count + 1, np.bool_)
    alive[list(review.classes)] = True
    fine, other = review.fine, placement.runner_up
    known = (fine >= 0) & (other >= 0) & (other != fine) & alive[other] & (placement.rival > 0)
    own, others, mass = _pairs(review, fine[known], other[known], placement.rival[known])
    rival, most = np.full(count, -1, np.int64), np.zeros(count)
    order = np.argsort(mass, kind="stable")  # the largest of a class is written last
    rival[own[order]], most[own[order]] = others[order], mass[order]
    return rival, most / np.maximum(np.bincount(fine[fine >= 0], minlength=count), 1)


def _pairs(
    review: Review, own: IntArray, other: IntArray, mass: NDArray[Any]
) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    """Sum the mass of each pair of classes, in order of the first and the second.

    A rival nearly always hangs under the same coarse class: its place among the children of that
    is a small number, so that all pairs fit in a table; others are sorted out.
    """
    count, home, place, children = _places(review)
    width = max(map(len, children), default=1)
    if count * width > MOST_CELLS or (home[own] != home[other]).any():
        pairs, at = np.unique(own * count + other, return_inverse=True)
        return pairs // count, pairs % count, _summed(at, mass, len(pairs))
    cells = _summed(own * width + place[other], mass, count * width)
    filled = np.asarray(np.flatnonzero(cells), np.int64)
    table = np.full((len(children), width), -1, np.int64)
    for q, numbers in enumerate(children):
        table[q, : len(numbers)] = numbers
    first = filled // width
    return first, table[home[first], filled % width], cells[filled]


def _summed(place: IntArray, mass: NDArray[Any], count: int) -> NDArray[np.float64]:
    return np.bincount(place, mass, count).astype(np.float64)


def _places(review: Review) -> tuple[int, IntArray, IntArray, list[list[int]]]:
    """Number of classes; each one's first coarse class, its place there; children of each."""
    count = max(review.next_number, 1)
    home, place = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    children: list[list[int]] = [[] for _ in review.coarse_names]
    for number, held in review.classes.items():
        home[number], place[number] = held.parents[0], len(children[held.parents[0]])
        children[held.parents[0]].append(number)
    return count, home, place, children
