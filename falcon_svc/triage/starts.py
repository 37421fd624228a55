"""Where a review begins that goes on from an earlier one, at rest: in one file, as a re-solve is.

The file holds everything that is in force, so that the earlier review is not needed any more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from falcon_svc.result.ancestry import Ancestry
from falcon_svc.triage.classes import Wishes
from falcon_svc.triage.solutions import (
    Placement,
    placement_of,
    read_solution,
    record_of,
    tensors_of,
    write_solution,
)
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray, IntArray

PAIRS = ("pins", "forbids", "must", "cannot")


@dataclass(frozen=True, eq=False)
class Start:
    """How a review begins that goes on from an earlier one.

    Attributes
    ----------
    coarse, fine : int64 (N,)
        Coarse label and class of every sample; -1 = none.
    fixed : bool (N,)
        Whether a person said so.
    placement : Placement
        Where the head would put every sample; its classes are the review's.
    wishes, links, excluded
        As in `falcon_svc.triage.state.Review`.
    ancestry : Ancestry
    """

    coarse: IntArray
    fine: IntArray
    fixed: BoolArray
    placement: Placement
    wishes: Wishes
    links: tuple[tuple[int, int, bool], ...]
    excluded: dict[int, frozenset[int]]
    ancestry: Ancestry

    @classmethod
    def of(cls, review: Review, placement: Placement, ancestry: Ancestry) -> Start:
        """Return a review that is in force as a start."""
        held = replace(
            placement, classes=tuple(review.classes.values()), next_number=review.next_number
        )
        return cls(
            *(review.coarse, review.fine, review.fixed, held),
            *(review.wishes, review.links, review.excluded, ancestry),
        )

    def taken_by(self, review: Review) -> Review:
        """Return the review of the same result with all of this in force."""
        return replace(
            self.placement.taken_by(review),
            coarse=self.coarse.copy(),
            fine=self.fine.copy(),
            fixed=self.fixed.copy(),
            wishes=self.wishes,
            links=self.links,
            excluded=dict(self.excluded),
        )


def save_start(folder: Path, start: Start) -> str:
    """Write a start durably and return its digest, sha256 hex."""
    tensors = {
        **tensors_of(start.placement),
        "held_coarse": start.coarse,
        "held_fine": start.fine,
        "held_fixed": start.fixed,
    }
    said = {
        **{name: getattr(start.wishes, name) for name in PAIRS},
        "apart": sorted(start.wishes.apart),
        "links": start.links,
        "excluded": [[row, sorted(out)] for row, out in start.excluded.items()],
    }
    record = {**record_of(start.placement), **said, "ancestry": start.ancestry.document()}
    return write_solution(folder, tensors, record)


def load_start(folder: Path, digest: str, *, n_samples: int) -> Start:
    """Read a start.

    Raises
    ------
    StorageError
        The file is missing or not as it was written.
    """
    arrays, record = read_solution(folder, digest, n_samples=n_samples)
    return Start(
        coarse=arrays["held_coarse"],
        fine=arrays["held_fine"],
        fixed=arrays["held_fixed"],
        placement=placement_of(arrays, record),
        wishes=_wishes(record),
        links=tuple((a, b, together) for a, b, together in record["links"]),
        excluded={row: frozenset(out) for row, out in record["excluded"]},
        ancestry=Ancestry.read(record["ancestry"]),
    )


def _wishes(record: dict[str, Any]) -> Wishes:
    pairs = {name: tuple((a, b) for a, b in record[name]) for name in PAIRS}
    return Wishes(**pairs, apart=frozenset((a, b) for a, b in record["apart"]))
