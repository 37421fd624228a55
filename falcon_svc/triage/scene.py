"""What a review looks like right now, as figures: sizes, links, confusions, doubts, exemplars.

Place: between a `Session` and whatever asks or shows (`queue`, `evidence`). Made anew after each
correction; cuts of classes that did not change are kept from one scene to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.triage.classes import ordered
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
        Of an earlier scene; filled here.
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
            self.cuts[key] = cut_class(rows, self.inputs, self.neighbors, 2)
        return self.cuts[key]

    def pairs(self) -> Iterator[Pair]:
        """Yield for each class its most likely doubles, each pair once, wishes respected."""
        seen: set[tuple[int, int]] = set()
        barred = self.review.wishes.apart | set(self.review.wishes.cannot)
        for number in self.numbers:
            siblings = self._siblings(number)
            score = self._links[number, siblings] * self._confusion[number, siblings]
            for other in siblings[np.argsort(-score, kind="stable")[:MOST_PAIRS]].tolist():
                pair = ordered(number, other)
                if pair not in seen and pair not in barred:
                    seen.add(pair)
                    yield Pair(
                        *pair, float(self._links[pair]), float(self._confusion[pair]) + _TINY
                    )

    def _siblings(self, number: int) -> IntArray:
        parents = set(self.review.classes[number].parents)
        return np.array(
            [
                other
                for other in self.numbers
                if other != number and set(self.review.classes[other].parents) == parents
            ],
            np.int64,
        )

    @cached_property
    def _links(self) -> FloatArray:
        """Links between nearest neighbors of two classes relative to chance, (n, n)."""
        count, fine = self.review.next_number, self.review.fine
        near = fine[self.neighbors[:, :N_LINKS]]
        known = (fine[:, None] >= 0) & (near >= 0)
        pairs = (fine[:, None] * count + near)[known]
        links = np.bincount(pairs, minlength=count * count).reshape(count, count)
        links = links + links.T
        labelled = self.review.coarse[self.review.coarse >= 0]
        per_coarse = np.bincount(labelled, minlength=len(self.review.coarse_names))
        home = np.array(
            [per_coarse[self.review.classes[n].parents[0]] if n in self.review.classes else 1
             for n in range(count)]
        )  # fmt: skip
        chance = 2 * N_LINKS * np.outer(self._sizes, self._sizes) / np.maximum(home, 1)[:, None]
        return np.asarray((links + 1) / (chance + 1), np.float32)

    @cached_property
    def _confusion(self) -> FloatArray:
        """Mean probability that the samples of two classes give to the other, summed, (n, n)."""
        count, fine = self.review.next_number, self.review.fine
        other = self.placement.runner_up
        known = (fine >= 0) & (other >= 0)
        flat = np.bincount(
            fine[known] * count + other[known], self.placement.rival[known], count * count
        ).reshape(count, count)
        mean = flat / np.maximum(self._sizes, 1)[:, None]
        return np.asarray(mean + mean.T, np.float32)

    def doubtful(self, number: int) -> tuple[IntArray, FloatArray]:
        """Return rows worth asking about for a class, and what each is worth, largest first.

        Members in doubt, and samples whose second best class it is; those that a person settled
        are left out.
        """
        review, placed = self.review, self.placement
        inside = (review.fine == number) & ~review.fixed
        outside = (placed.runner_up == number) & (review.fine != number) & ~review.fixed
        outside &= placed.rival > LEAST_RIVAL
        parents = review.classes[number].parents
        outside &= np.isin(review.coarse, parents)
        still = placed.fine == number
        doubt = np.where(still, 1 - placed.confidence, 1 - placed.rival)
        worth = np.where(inside, doubt, np.where(outside, placed.rival, 0.0))
        rows = np.flatnonzero(worth > _TINY)
        rows = rows[[number not in review.excluded.get(row, ()) for row in rows.tolist()]]
        order = np.argsort(-worth[rows], kind="stable")
        return rows[order], np.asarray(worth[rows][order], np.float32)

    def spread(self, number: int, count: int, *, leave_out: IntArray) -> IntArray:
        """Return up to `count` members that nobody settled, from the centre to the border."""
        rows = self.members(number)
        rows = rows[~self.review.fixed[rows] & ~np.isin(rows, leave_out)]
        places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round())
        return rows[places.astype(np.int64)]

    def teachable(self, number: int) -> float:
        """Return the expected number of wrong samples of a class, less the more it was shown."""
        rows = self.members(number)
        doubt = 1 - self.placement.confidence[rows[~self.review.fixed[rows]]]
        return float(doubt.sum()) / (1 + int(self.review.fixed[rows].sum()) / TAUGHT)

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
        barred = frozenset.intersection(*(excluded.get(r, _NONE) for r in rows.tolist()))
        kept = np.array(
            [
                n
                for n in self.numbers
                if (coarse < 0 or coarse in self.review.classes[n].parents) and n not in barred
            ],
            np.int64,
        )
        gap = ((self._means[kept] - self.inputs[rows].mean(axis=0)) ** 2).sum(axis=1)
        return [int(n) for n in kept[np.argsort(gap, kind="stable")[:most]]]
