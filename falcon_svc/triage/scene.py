"""What a review looks like right now, as figures: sizes, links, confusions, doubts, exemplars.

Place: between a `Session` and whatever asks or shows (`queue`, `evidence`). Made anew after each
correction; cuts of classes that did not change are kept from one scene to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.triage.questions import Shown
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.split import N_LINKS, Cut, cut_class
from falcon_svc.triage.state import Review, numbers
from falcon_svc.types import FloatArray, IntArray

N_EXEMPLARS = 9
UNKNOWN_STABILITY = 0.7
MOST_PAIRS = 3
TAUGHT = 24
LEAST_RIVAL = 0.35
_TINY = 1e-3
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Pair:
    """Two classes under one coarse class.

    `link` is how often nearest neighbors lie across the two, relative to chance; `confusion` the
    mean probability that each gives to the other, summed.
    """

    first: int
    second: int
    link: float
    confusion: float


@dataclass(frozen=True, eq=False)
class _Table:
    """Rows by class: those of class n lie in ``rows[starts[n]:starts[n + 1]]``."""

    rows: IntArray
    worth: FloatArray
    starts: IntArray


class Scene:
    """The figures of a review.

    Parameters
    ----------
    review : Review
    placement : Placement
        Probabilities, of the last re-solve or the result.
    inputs : float32 (N, D)
        Head inputs.
    neighbors : int64 (N, K)
    stability : mapping
        Class number -> stability in [0, 1] where it was measured.
    cuts : dict, optional
        Cuts of an earlier scene; filled here.
    suspects : mapping, optional
        Row whose coarse label looks wrong -> (coarse class that it looks like, probability).
    """

    def __init__(
        self,
        review: Review,
        placement: Placement,
        inputs: FloatArray,
        neighbors: IntArray,
        stability: dict[int, float],
        cuts: dict[bytes, Cut] | None = None,
        suspects: Mapping[int, tuple[int, float]] | None = None,
    ) -> None:
        self.suspects = suspects or {}
        self.review, self.placement = review, placement
        self.inputs, self.neighbors = inputs, neighbors
        self._stability = stability
        self._shown: dict[int, Shown] = {}
        self._under: dict[int, IntArray] = {}
        self.cuts = {} if cuts is None else cuts
        self.numbers = [n for n in numbers(review) if self.size(n)]

    @cached_property
    def _sizes(self) -> IntArray:
        fine = self.review.fine
        return np.bincount(fine[fine >= 0], minlength=self.review.next_number)

    def size(self, number: int) -> int:
        """Return the number of samples of a class."""
        return int(self._sizes[number])

    @cached_property
    def _means(self) -> FloatArray:
        """(n, D) mean of each class."""
        known = np.flatnonzero(self.review.fine >= 0)
        return class_means(self.inputs[known], self.review.fine[known], self.review.next_number)

    @cached_property
    def _members(self) -> dict[int, IntArray]:
        """Rows of each class, most central first."""
        fine = self.review.fine
        known = np.flatnonzero(fine >= 0)
        distance = ((self.inputs[known] - self._means[fine[known]]) ** 2).sum(axis=1)
        order = known[np.lexsort((distance, fine[known]))]
        starts = np.searchsorted(fine[order], np.arange(self.review.next_number + 1))
        return {n: order[starts[n] : starts[n + 1]] for n in range(self.review.next_number)}

    def members(self, number: int) -> IntArray:
        """Return the rows of a class, most central first."""
        return self._members[number]

    def names(self, rows: IntArray) -> tuple[str, ...]:
        """Return the ids of rows."""
        return tuple(self.review.ids[row] for row in rows.tolist())

    def central(self, rows: IntArray) -> tuple[str, ...]:
        """Return the ids of the most central of some rows."""
        points = self.inputs[rows]
        distance = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
        return self.names(rows[np.argsort(distance, kind="stable")[:N_EXEMPLARS]])

    def shown(self, number: int) -> Shown:
        """Return a class as it is shown."""
        if number not in self._shown:
            held = self.review.classes[number]
            exemplars = self.names(self.members(number)[:N_EXEMPLARS])
            self._shown[number] = Shown(class_id=held.id, name=held.name, exemplars=exemplars)
        return self._shown[number]

    def stability(self, number: int) -> float:
        """Return how well the class came back in other views, in [0, 1]; 0.7 where unknown."""
        return self._stability.get(number, UNKNOWN_STABILITY)

    def cut(self, number: int) -> Cut:
        """Return the proposed cut of a class in two."""
        rows = np.sort(self.members(number))
        key = rows.tobytes()
        if key not in self.cuts:
            self.cuts[key] = cut_class(rows, self.inputs, self.neighbors[rows], 2)
        return self.cuts[key]

    def pairs(self) -> list[Pair]:
        """Return for each class its most likely doubles, each pair once, wishes respected."""
        first, second, links, confusion = self._touching
        held = self.review.classes
        chance = 2 * N_LINKS * self._sizes[first] * self._sizes[second]
        home = self._per_coarse[[held[n].parents[0] for n in first.tolist()]]
        link = (links + 1) / (chance / np.maximum(home, 1) + 1)
        order = np.argsort(-link * (confusion + _TINY), kind="stable")
        barred = self.review.wishes.apart | set(self.review.wishes.cannot)
        found, taken = [], Counter[int]()
        for i in order.tolist():
            a, b = int(first[i]), int(second[i])
            if min(taken[a], taken[b]) < MOST_PAIRS and (a, b) not in barred:
                taken.update((a, b))
                found.append(Pair(a, b, float(link[i]), float(confusion[i]) + _TINY))
        return found

    @cached_property
    def _per_coarse(self) -> IntArray:
        labelled = self.review.coarse[self.review.coarse >= 0]
        return np.bincount(labelled, minlength=len(self.review.coarse_names))

    @cached_property
    def _touching(self) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """Pairs a < b of classes with the same parents that are linked or confused.

        Numbers of a and b, links between nearest neighbors across them, and the mean probability
        that the samples of each give to the other, summed.
        """
        fine, count = self.review.fine, self.review.next_number
        near, other = fine[self.neighbors[:, :N_LINKS]], self.placement.runner_up
        linked = (fine[:, None] >= 0) & (near >= 0) & (near != fine[:, None])
        own = np.broadcast_to(fine[:, None], near.shape)[linked]
        doubted = (fine >= 0) & (other >= 0) & (other != fine)
        mean = self.placement.rival[doubted] / self._sizes[fine[doubted]]
        pairs = [(own, near[linked]), (fine[doubted], other[doubted])]
        code = np.concatenate([np.minimum(x, y) * count + np.maximum(x, y) for x, y in pairs])
        codes, place = np.unique(code, return_inverse=True)
        n_links = len(own)
        links = np.bincount(place[:n_links], minlength=len(codes)).astype(np.float32)
        confusion = np.bincount(place[n_links:], mean, len(codes)).astype(np.float32)
        same = self._home[codes // count] == self._home[codes % count]
        same &= self._home[codes // count] >= 0
        codes = codes[same]
        return codes // count, codes % count, links[same], confusion[same]

    @cached_property
    def _home(self) -> IntArray:
        """A number per class that is the same for classes with the same parents; -1 = no class."""
        keys: dict[tuple[int, ...], int] = {}
        home = np.full(self.review.next_number, -1, np.int64)
        for n in self.numbers:
            home[n] = keys.setdefault(tuple(sorted(self.review.classes[n].parents)), len(keys))
        return home

    def doubtful(self, number: int) -> tuple[IntArray, FloatArray]:
        """Return rows worth asking about for a class, and what each is worth, largest first.

        Members in doubt, and samples of the same coarse classes whose second best class it is;
        those that a person settled are left out.
        """
        inside, doubt = self._of_class(self._doubt, number)
        outside, chance = self._of_class(self._strange, number)
        inherits = np.isin(self.review.coarse[outside], self.review.classes[number].parents)
        rows = np.concatenate([inside, outside[inherits]])
        worth = np.concatenate([doubt, chance[inherits]])
        if excluded := self.review.excluded:
            free = np.array([number not in excluded.get(r, _NONE) for r in rows.tolist()], np.bool_)
            rows, worth = rows[free], worth[free]
        order = np.lexsort((rows, -worth))
        return rows[order], worth[order]

    @staticmethod
    def _of_class(table: _Table, number: int) -> tuple[IntArray, FloatArray]:
        part = slice(table.starts[number], table.starts[number + 1])
        return table.rows[part], table.worth[part]

    @cached_property
    def _doubt(self) -> _Table:
        """Members that nobody settled, with the probability that they are in a wrong class."""
        review, placed = self.review, self.placement
        sure = np.where(placed.fine == review.fine, placed.confidence, placed.rival)
        rows = np.flatnonzero((review.fine >= 0) & ~review.fixed & (1 - sure > _TINY))
        return self._table(rows, review.fine[rows], 1 - sure[rows])

    @cached_property
    def _strange(self) -> _Table:
        """Samples by their second best class, with its probability."""
        review, placed = self.review, self.placement
        other = (placed.runner_up >= 0) & (placed.runner_up != review.fine)
        rows = np.flatnonzero(other & ~review.fixed & (placed.rival > LEAST_RIVAL))
        return self._table(rows, placed.runner_up[rows], placed.rival[rows])

    def _table(self, rows: IntArray, classes: IntArray, worth: FloatArray) -> _Table:
        order = np.argsort(classes, kind="stable")
        starts = np.searchsorted(classes[order], np.arange(self.review.next_number + 1))
        return _Table(rows[order], worth[order].astype(np.float32), starts)

    def spread(self, number: int, count: int, *, leave_out: IntArray) -> IntArray:
        """Return up to `count` members that nobody settled, from the centre to the border."""
        rows = self.members(number)
        rows = rows[~self.review.fixed[rows] & ~np.isin(rows, leave_out)]
        places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round())
        return rows[places.astype(np.int64)]

    def unsettled(self, number: int) -> bool:
        """Return whether a class has members that nobody settled."""
        return not bool(self.review.fixed[self.members(number)].all())

    def teachable(self, number: int) -> float:
        """Return the expected number of wrong samples of a class, less the more it was shown."""
        return float(self._teachable[number])

    @cached_property
    def _teachable(self) -> FloatArray:
        review, count = self.review, self.review.next_number
        free = np.flatnonzero((review.fine >= 0) & ~review.fixed)
        shown = np.flatnonzero((review.fine >= 0) & review.fixed)
        doubt = np.bincount(review.fine[free], 1 - self.placement.confidence[free], count)
        taught = np.bincount(review.fine[shown], minlength=count)
        return np.asarray(doubt / (1 + taught / TAUGHT), np.float32)

    def homeless(self) -> list[IntArray]:
        """Return per coarse class the rows that a person took out and that nobody placed."""
        groups: dict[int, list[int]] = {}
        for row in self.review.excluded:
            if not self.review.fixed[row]:
                groups.setdefault(int(self.review.coarse[row]), []).append(row)
        return [np.array(rows, np.int64) for rows in groups.values()]

    def candidates(self, rows: IntArray, most: int) -> list[int]:
        """Return the classes that samples may belong to, most likely first."""
        coarse, excluded = int(self.review.coarse[rows[0]]), self.review.excluded
        barred = (
            frozenset.intersection(*(excluded.get(r, _NONE) for r in rows.tolist()))
            if excluded
            else _NONE
        )
        kept = self._open_to(coarse)
        if barred:
            kept = kept[~np.isin(kept, list(barred))]
        gap = ((self._means[kept] - self.inputs[rows].mean(axis=0)) ** 2).sum(axis=1)
        return [int(n) for n in kept[np.argsort(gap, kind="stable")[:most]]]

    def _open_to(self, coarse: int) -> IntArray:
        """Numbers of the classes under a coarse class; -1 = of all."""
        if coarse not in self._under:
            held = self.review.classes
            numbers = [n for n in self.numbers if coarse < 0 or coarse in held[n].parents]
            self._under[coarse] = np.array(numbers, np.int64)
        return self._under[coarse]
