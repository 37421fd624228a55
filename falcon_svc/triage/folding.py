"""What a review is after its corrections: each is applied to what those before it left.

Folding begins at the result as it came, or at a state on the way that is kept every `KEPT_EVERY`
corrections, so that an undo after thousands takes no longer than one after a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from falcon_svc.result.ancestry import Ancestry
from falcon_svc.result.record import Discovery
from falcon_svc.triage.corrections import Continued, Correction, Resolved
from falcon_svc.triage.edits import apply
from falcon_svc.triage.revisions import Revision
from falcon_svc.triage.solutions import Placement, load_placement
from falcon_svc.triage.starts import load_start
from falcon_svc.triage.state import Review

KEPT_EVERY = 32


@dataclass(frozen=True)
class Folded:
    """A review after some corrections.

    Parameters
    ----------
    review
        Its state.
    placement
        Of the last re-solve among the corrections, or the result's own.
    ancestry
        Where it goes on from an earlier review.
    applied
        Ids of the revisions folded in, oldest first.
    """

    review: Review
    placement: Placement
    ancestry: Ancestry | None = None
    applied: tuple[str, ...] = ()

    def begins(self, ids: tuple[str, ...]) -> bool:
        """Return whether the revisions folded in here are the first of those."""
        return self.applied == ids[: len(self.applied)]

    def copy(self) -> Folded:
        """Return the same, which changes of this one do not reach."""
        return replace(self, review=self.review.copy())


class Folds:
    """Folds the corrections of one review.

    Parameters
    ----------
    discovery
        The result as it came.
    solutions
        Folder of the re-solves.
    """

    def __init__(self, discovery: Discovery, solutions: Path) -> None:
        self._solutions = solutions
        self._first = Folded(Review.of(discovery), first_placement(discovery))
        self._kept = self._first

    def after(self, revisions: Sequence[Revision]) -> Folded:
        """Return the review after these corrections, which are all in force."""
        ids = tuple(revision.id for revision in revisions)
        start = self._kept if self._kept.begins(ids) else self._first
        keep = len(ids) // KEPT_EVERY * KEPT_EVERY
        found = start.copy()
        for count in range(len(start.applied), len(ids)):
            found = self._taken(found, revisions[count].correction)
            if count + 1 == keep:
                self._kept = replace(found.copy(), applied=ids[:keep])
        return replace(found, applied=ids)

    def _taken(self, found: Folded, correction: Correction) -> Folded:
        """Return what one more correction makes of it, in place where that is cheaper."""
        review, n_samples = found.review, len(found.review.ids)
        match correction:
            case Resolved(solution=digest):
                placement = load_placement(self._solutions, digest, n_samples=n_samples)
                return replace(found, review=placement.taken_by(review), placement=placement)
            case Continued(solution=digest):
                start = load_start(self._solutions, digest, n_samples=n_samples)
                return replace(
                    found,
                    review=start.taken_by(review),
                    placement=start.placement,
                    ancestry=start.ancestry,
                )
            case wish:
                apply(review, wish)
                return found


def first_placement(discovery: Discovery) -> Placement:
    """Return the placement of a result that was not solved again."""
    found = discovery.assignments
    review = Review.of(discovery)
    return Placement(
        fine=found.fine,
        runner_up=found.runner_up,
        confidence=found.confidence,
        rival=np.where(found.runner_up >= 0, found.confidence - found.margin, 0.0),
        classes=tuple(review.classes.values()),
        next_number=review.next_number,
    )
