"""What a re-solve or a new run changed: classes born, changed and died, samples moved, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review
from falcon_svc.types import IntArray

UNPLACED = "A correction took it out of its class; the next re-solve finds it another."


@dataclass(frozen=True)
class ClassChange:
    """One class that is not as it was.

    Attributes
    ----------
    id, name : str
    what : str
        "born", "changed" or "died".
    size_before, size_after : int
    parents_before, parents_after : tuple of str
    """

    id: str
    name: str
    what: str
    size_before: int
    size_after: int
    parents_before: tuple[str, ...]
    parents_after: tuple[str, ...]


@dataclass(frozen=True)
class SampleMove:
    """A sample that is in another class (None = in none), and why: one sentence."""

    id: str
    before: str | None
    after: str | None
    reason: str


@dataclass(frozen=True, eq=False)
class Diff:
    """What changed between a review and a placement.

    Attributes
    ----------
    classes : tuple of ClassChange
        Largest change of size first.
    moved : int64 (S,)
        Rows of the samples that moved.
    """

    before: Review
    after: Placement
    classes: tuple[ClassChange, ...]
    moved: IntArray

    def moves(self, start: int = 0, stop: int | None = None) -> Iterator[SampleMove]:
        """Yield moved samples from `start` to `stop`, in the data set's order."""
        names = {held.number: held.name for held in self.after.classes}
        for row in self.moved[start:stop].tolist():
            was, now = int(self.before.fine[row]), int(self.after.fine[row])
            earlier = self.before.classes.get(was)
            yield SampleMove(
                id=self.before.ids[row],
                before=None if earlier is None else earlier.id,
                after=f"c{now}" if now >= 0 else None,
                reason=self._reason(row, earlier, names[now]) if now >= 0 else UNPLACED,
            )

    def _reason(self, row: int, earlier: ReviewClass | None, name: str) -> str:
        sure = f"{name!r} fits it with probability {self.after.confidence[row]:.2f}"
        if earlier is None:
            return f"It was in no class; {sure}."
        if earlier.status == "rejected":
            return f"{earlier.name!r} was rejected; {sure}."
        now = next((c for c in self.after.classes if c.number == earlier.number), None)
        if now is None:
            return f"{earlier.name!r} was left without samples; {sure}."
        if self.before.coarse[row] >= 0 and int(self.before.coarse[row]) not in now.parents:
            return f"{earlier.name!r} hangs under another coarse class now; {sure}."
        linked = [link for link in self.before.links if row in link[:2]]
        if linked:
            return f"It is linked with other samples; {sure}."
        return f"It fits {name!r} better than {earlier.name!r} now ({sure})."

    def document(self, *, most_moves: int = 100) -> dict[str, Any]:
        """Return the diff JSON-ready, with the first `most_moves` moved samples."""
        return {
            "n_moved": len(self.moved),
            "classes": [asdict(change) for change in self.classes],
            "moves": [asdict(move) for move in self.moves(0, most_moves)],
        }

    def sentence(self) -> str:
        """Return the diff in one sentence."""
        kinds = [change.what for change in self.classes]
        return (
            f"{len(self.moved):,} samples moved; classes: {kinds.count('born')} born, "
            f"{kinds.count('changed')} changed, {kinds.count('died')} died."
        )


def compare(before: Review, after: Placement) -> Diff:
    """Return what a placement changes in a review of the same samples."""
    old, new = before.classes, {held.number: held for held in after.classes}
    sizes = [_sizes(before.fine), _sizes(after.fine)]
    changes = []
    for number in {**old, **new}:
        was, now = sizes[0].get(number, 0), sizes[1].get(number, 0)
        same_parents = (
            number in old and number in new and old[number].parents == new[number].parents
        )
        if was != now or not same_parents:
            changes.append(_change(before, old.get(number), new.get(number), was, now))
    changes.sort(key=lambda change: -abs(change.size_after - change.size_before))
    return Diff(before, after, tuple(changes), np.flatnonzero(before.fine != after.fine))


def _change(
    review: Review, old: ReviewClass | None, new: ReviewClass | None, was: int, now: int
) -> ClassChange:
    shown = new or old
    assert shown is not None
    what = "born" if old is None else "died" if new is None else "changed"
    return ClassChange(
        shown.id, shown.name, what, was, now, _parents(review, old), _parents(review, new)
    )


def _parents(review: Review, held: ReviewClass | None) -> tuple[str, ...]:
    return () if held is None else tuple(review.coarse_names[q] for q in held.parents)


def _sizes(fine: IntArray) -> dict[int, int]:
    counts = np.bincount(fine[fine >= 0])
    return {number: int(counts[number]) for number in np.flatnonzero(counts).tolist()}
