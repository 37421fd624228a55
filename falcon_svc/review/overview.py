"""The state of a review in one document: every coarse and fine class with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.triage.evidence import stability_verdict
from falcon_svc.triage.state import Review
from falcon_svc.types import IntArray

if TYPE_CHECKING:
    from falcon_svc.triage.session import Session
    from falcon_svc.triage.solutions import Placement


def overview(session: Session) -> dict[str, Any]:
    """Return what the page shows first: head, coarse classes, classes, what can be undone."""
    review, placement = session.review, session.placement
    rival, rival_mass = rivals(review, placement)
    figures = _Figures(session)
    return {
        "head": session.head,
        "n_samples": len(review.ids),
        "n_unplaced": int((review.fine < 0).sum()),
        "n_revisions": len(session.log.revisions),
        "coarse": [
            {"name": name, "number": number, "size": int(figures.coarse_sizes[number])}
            for number, name in enumerate(review.coarse_names)
        ],
        "classes": [
            {
                "id": held.id,
                "number": held.number,
                "name": held.name,
                "named": held.named,
                "parents": list(held.parents),
                "status": held.status,
                "colour": held.colour,
                "size": int(figures.sizes[number]),
                "n_settled": int(figures.settled[number]),
                "confidence": round(float(figures.confidence[number]), 4),
                **figures.stability(number),
                "rival": None if rival[number] < 0 else f"c{rival[number]}",
                "rival_mass": round(float(rival_mass[number]), 4),
                "born_of": list(held.born_of),
            }
            for number, held in review.classes.items()
        ],
    }


class _Figures:
    """Per class number: size, settled samples, mean confidence."""

    def __init__(self, session: Session) -> None:
        self._session, review, placement = session, session.review, session.placement
        count = max(review.next_number, 1)
        known = review.fine >= 0
        fine = review.fine[known]
        self.sizes = np.bincount(fine, minlength=count)
        self.settled = np.bincount(fine, review.fixed[known], count)
        total = np.bincount(fine, placement.confidence[known], count)
        self.confidence = total / np.maximum(self.sizes, 1)
        labelled = review.coarse[review.coarse >= 0]
        self.coarse_sizes = np.bincount(labelled, minlength=len(review.coarse_names))

    def stability(self, number: int) -> dict[str, Any]:
        """Return the stability and its verdict; None for classes that the run did not find."""
        found = self._session.found_as(number)
        value = None if found is None else found.stability
        word = stability_verdict(value)
        return {"stability": None if value is None else round(value, 4), "verdict": word}


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
    known = (fine >= 0) & (other >= 0) & (other != fine) & alive[other]
    pairs, place = np.unique(fine[known] * count + other[known], return_inverse=True)
    mass = np.bincount(place, placement.rival[known], len(pairs))
    rival, most = np.full(count, -1, np.int64), np.zeros(count)
    order = np.argsort(mass, kind="stable")  # the largest of a class is written last
    rival[pairs[order] // count] = pairs[order] % count
    most[pairs[order] // count] = mass[order]
    sizes = np.bincount(fine[fine >= 0], minlength=count)
    return rival, most / np.maximum(sizes, 1)
