"""Figures of every class, kept from one revision to the next.

A correction moves a few samples, or none: only the classes that it touched are counted anew, so
that a million samples in ten thousand classes take milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray, IntArray

MOST_CELLS = 4_000_000
"""Of a table of classes by siblings, which counts a million samples in milliseconds."""


@dataclass(frozen=True, eq=False)
class Figures:
    """Per class number: size, settled samples, mean confidence; nearest class, and how near.

    Attributes
    ----------
    size, settled : int64 (n,)
    confidence : float64 (n,)
    rival : int64 (n,)
        The runner-up with the largest summed probability; -1 = none.
    mass : float64 (n,)
        That sum over the size of the class.
    """

    size: IntArray
    settled: IntArray
    confidence: NDArray[np.float64]
    rival: IntArray
    mass: NDArray[np.float64]

    @classmethod
    def none(cls) -> Figures:
        """Return the figures of no class."""
        whole, part = np.zeros(0, np.int64), np.zeros(0)
        return cls(whole, whole, part, whole, part)

    def of(self, number: int) -> tuple[int, int, float, int, float]:
        """Return the figures of one class, in order."""
        size, settled, confidence, rival, mass = (c[number].item() for c in self.columns())
        return size, settled, confidence, rival, mass

    def unlike(self, other: Figures) -> IntArray:
        """Return the numbers of the classes whose figures differ, or that `other` does not have."""
        both = min(len(self.size), len(other.size))
        pairs = zip(self.columns(), other.columns(), strict=True)
        differ = np.any([a[:both] != b[:both] for a, b in pairs], axis=0)
        return np.concatenate([np.flatnonzero(differ), np.arange(both, len(self.size))])

    def columns(self) -> list[NDArray[Any]]:
        """Return the figures, one array each."""
        return [getattr(self, one.name) for one in fields(self)]

    def with_classes(self, numbers: IntArray, other: Figures) -> Figures:
        """Return these figures, but those of some classes from `other`, which may have more."""
        taken = []
        for own, fresh in zip(self.columns(), other.columns(), strict=True):
            column = fresh.copy()
            column[: len(own)] = own[: len(fresh)]
            column[numbers] = fresh[numbers]
            taken.append(column)
        return Figures(*taken)


@dataclass(frozen=True, eq=False)
class _Counted:
    """What was counted: copies of what corrections change in place, and the figures of it."""

    fine: IntArray
    fixed: BoolArray
    alive: frozenset[int]
    placement: Placement
    figures: Figures


@dataclass
class Tally:
    """Counts the classes of one review."""

    _last: _Counted | None = field(default=None, init=False)

    def of(self, review: Review, placement: Placement) -> Figures:
        """Return the figures of every class as it is now; those left alone are not counted."""
        last = self._last
        if last is None or last.placement is not placement:
            figures = counted(review, placement)
        else:
            numbers = _touched(last, review)
            fresh = counted(review, placement, review.rows_of(numbers.tolist()))
            figures = last.figures.with_classes(numbers, fresh)
        self._last = _Counted(
            *(review.fine.copy(), review.fixed.copy(), frozenset(review.classes)),
            *(placement, figures),
        )
        return figures


def _touched(last: _Counted, review: Review) -> IntArray:
    """Numbers of the classes whose figures may differ from the last.

    Samples came, left or were settled; or a class that samples of it come near to died or is back.
    """
    moved = np.flatnonzero((last.fine != review.fine) | (last.fixed != review.fixed))
    now = review.fine[moved]
    changed = last.alive ^ review.classes.keys()
    if changed:
        top = max(*changed, int(last.placement.runner_up.max(initial=-1)))
        among = np.zeros(top + 2, np.bool_)  # the last place is that of no runner-up, -1
        among[list(changed)] = True
        now = np.concatenate([now, review.fine[among[last.placement.runner_up]]])
    numbers = np.unique(np.concatenate([last.fine[moved], now, np.array([*changed], np.int64)]))
    return numbers[(numbers >= 0) & (numbers < review.next_number)]


def counted(review: Review, placement: Placement, rows: IntArray | None = None) -> Figures:
    """Return the figures of every class, counted over all samples or over some rows."""
    part = slice(None) if rows is None else rows
    fine, confidence = review.fine[part], placement.confidence[part]
    count = max(review.next_number, 1)
    shifted = fine + 1  # those in no class come first, and are left out
    size = np.bincount(shifted, minlength=count + 1)[1:]
    settled = np.bincount(shifted[review.fixed[part]], minlength=count + 1)[1:]
    mean = np.bincount(shifted, confidence, count + 1)[1:] / np.maximum(size, 1)
    rival, mass = _rivals(review, fine, placement.runner_up[part], placement.rival[part])
    return Figures(size, settled, mean.round(4), rival, (mass / np.maximum(size, 1)).round(4))


def _rivals(
    review: Review, fine: IntArray, other: IntArray, chance: NDArray[Any]
) -> tuple[IntArray, NDArray[np.float64]]:
    """Per class number the class that its samples come nearest to, and the summed probability."""
    count = max(review.next_number, 1)
    alive = np.zeros(max(count, int(other.max(initial=-1)) + 1) + 1, np.bool_)
    alive[list(review.classes)] = True
    known = (fine >= 0) & (other >= 0) & (other != fine) & alive[other] & (chance > 0)
    own, others, mass = _pairs(review, fine[known], other[known], chance[known])
    rival, most = np.full(count, -1, np.int64), np.zeros(count)
    order = np.argsort(mass, kind="stable")  # the largest of a class is written last
    rival[own[order]], most[own[order]] = others[order], mass[order]
    return rival, most


def _pairs(
    review: Review, own: IntArray, other: IntArray, mass: NDArray[Any]
) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    """Sum the mass of each pair of classes, in order of the first and the second.

    A rival nearly always hangs under the same coarse class: its place among the children of that
    is a small number, so that all pairs fit in a table; others, and a few, are sorted out.
    """
    count = max(review.next_number, 1)
    if len(own) < count:
        return _sorted_out(own, other, mass, count)
    home, place, children = _places(review)
    width = max(map(len, children), default=1)
    if count * width > MOST_CELLS or (home[own] != home[other]).any():
        return _sorted_out(own, other, mass, count)
    cells = _summed(own * width + place[other], mass, count * width)
    filled = np.asarray(np.flatnonzero(cells), np.int64)
    table = np.full((len(children), width), -1, np.int64)
    for q, numbers in enumerate(children):
        table[q, : len(numbers)] = numbers
    first = filled // width
    return first, table[home[first], filled % width], cells[filled]


def _sorted_out(
    own: IntArray, other: IntArray, mass: NDArray[Any], count: int
) -> tuple[IntArray, IntArray, NDArray[np.float64]]:
    pairs, at = np.unique(own * count + other, return_inverse=True)
    return pairs // count, pairs % count, _summed(at, mass, len(pairs))


def _summed(place: IntArray, mass: NDArray[Any], count: int) -> NDArray[np.float64]:
    return np.bincount(place, mass, count).astype(np.float64)


def _places(review: Review) -> tuple[IntArray, IntArray, list[list[int]]]:
    """Each class's first coarse class, and its place there; children of each coarse class."""
    count = max(review.next_number, 1)
    home, place = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    children: list[list[int]] = [[] for _ in review.coarse_names]
    for number, held in review.classes.items():
        home[number], place[number] = held.parents[0], len(children[held.parents[0]])
        children[held.parents[0]].append(number)
    return home, place, children
