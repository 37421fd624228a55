"""Joining groups two by two at least cost, for many coarse classes in step.

Place: under `merge_tree`, which says what a merge costs. A step is a few dozen operations on some
hundred numbers, which cost less than calling them; classes with equally many groups share them.

Shapes: B coarse classes of a batch, G groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import FloatArray, IntArray

BATCH_CELLS = 1 << 21

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups that one coarse class starts with.

    Parameters
    ----------
    group
        (n,) int64 in ``[0, G)``: each sample's group.
    size
        (G,) samples.
    distance
        (G, G) mean squared distances between the samples of two groups.
    """

    group: IntArray
    size: Float
    distance: Float

    @classmethod
    def of(cls, vectors: FloatArray, group: IntArray) -> Groups:
        """Measure the groups (n,) of (n, D) vectors."""
        size = np.bincount(group).astype(np.float64)
        order = np.argsort(group, kind="stable")
        first = np.cumsum(size).astype(np.int64) - size.astype(np.int64)
        centre = np.add.reduceat(vectors[order].astype(np.float64), first, axis=0) / size[:, None]
        spread = np.bincount(group, ((vectors - centre[group]) ** 2).sum(1)) / size
        square = (centre**2).sum(1)
        between = np.maximum(square[:, None] + square[None] - 2 * centre @ centre.T, 0)
        return cls(group, np.asarray(size), between + spread[:, None] + spread[None])


@dataclass(frozen=True, eq=False)
class Merges:
    """All merges of a coarse class: who keeps and who joins (G - 1, 2), and the costs (G - 1,)."""

    pairs: IntArray
    costs: Float


def agglomerated(starts: Sequence[Groups], size_exponent: float) -> list[Merges]:
    """Return the merges of each coarse class; what other classes do changes nothing."""
    found: dict[int, Merges] = {}
    for batch in _batches(starts):
        size = np.stack([starts[q].size for q in batch])
        distance = np.stack([starts[q].distance for q in batch])
        pairs, costs = _joined(size, distance, size_exponent)
        found |= {q: Merges(pairs[i], costs[i]) for i, q in enumerate(batch)}
    return [found[q] for q in range(len(starts))]


def _batches(starts: Sequence[Groups]) -> Iterator[list[int]]:
    """Numbers of classes with equally many groups, as many as fit."""
    by_groups: dict[int, list[int]] = {}
    for q, start in enumerate(starts):
        by_groups.setdefault(len(start.size), []).append(q)
    for n_groups, members in by_groups.items():
        step = max(1, BATCH_CELLS // n_groups**2)
        yield from (members[i : i + step] for i in range(0, len(members), step))


def _joined(size: Float, distance: Float, exponent: float) -> tuple[IntArray, Float]:
    """Merges (B, G - 1, 2) and costs (B, G - 1) of groups (B, G), which are used up."""
    n_trees, n_groups = size.shape
    each, own = np.arange(n_trees), np.arange(n_groups)
    cost = distance * size_weight(size[:, :, None], size[:, None], exponent)
    cost[:, own, own] = np.inf
    cheapest = _Cheapest(cost)
    pairs = np.empty((n_trees, n_groups - 1, 2), np.int64)
    costs = np.empty((n_trees, n_groups - 1))
    for step in range(n_groups - 1):
        pairs[:, step] = np.sort(cheapest.pairs(), axis=1)
        kept, joined = pairs[:, step].T
        costs[:, step] = cost[each, kept, joined]
        row = join(kept, joined, size, distance)
        row = row * size_weight(size[each, kept][:, None], size, exponent)
        row[np.isinf(cost[each, kept])] = np.inf  # itself, and groups that have been merged away
        cheapest.join(kept, joined, row)
    return pairs, costs


class _Cheapest:
    """The least cost (B, G, G) of every group and with whom, kept while groups join.

    Of equal costs the first row's and the first column's counts.
    """

    def __init__(self, cost: Float) -> None:
        self.cost, self.each = cost, np.arange(len(cost))
        self.partner = cost.argmin(axis=2)
        self.least = np.take_along_axis(cost, self.partner[:, :, None], axis=2)[:, :, 0]

    def pairs(self) -> IntArray:
        """Return the two groups (B, 2) whose joining costs least."""
        one = self.least.argmin(axis=1)
        return np.stack([one, self.partner[self.each, one]], axis=1)

    def join(self, kept: IntArray, joined: IntArray, row: Float) -> None:
        """Let one group of each class (B,) go into another, whose costs are then `row` (B, G)."""
        each = self.each
        self.cost[each, kept], self.cost[each, :, kept] = row, row
        self.cost[each, joined], self.cost[each, :, joined] = np.inf, np.inf
        own = kept[:, None]
        nearer = (row < self.least) | ((row == self.least) & (own < self.partner))
        lost = (self.partner == own) | (self.partner == joined[:, None])
        np.copyto(self.least, row, where=nearer)
        np.copyto(self.partner, own, where=nearer)
        lost[each, kept], lost[each, joined] = True, True
        tree, again = np.nonzero(lost)
        rows = self.cost[tree, again]
        partner = rows.argmin(axis=1)
        self.partner[tree, again] = partner
        self.least[tree, again] = rows[np.arange(len(rows)), partner]


def join(kept: IntArray, joined: IntArray, size: Float, distance: Float) -> Float:
    """Let a group of each class (B,) take in another; return its distances (B, G) to all groups."""
    each = np.arange(len(size))
    one, other = size[each, kept][:, None], size[each, joined][:, None]
    row = (one * distance[each, kept] + other * distance[each, joined]) / (one + other)
    distance[each, kept], distance[each, :, kept] = row, row
    size[each, kept] = (one + other)[:, 0]
    return np.asarray(row)


def size_weight(a: Float, b: Float, exponent: float) -> Float:
    """Return what the sizes of two clusters multiply the cost of their merge by."""
    return np.asarray((a * b / (a + b)) ** exponent)
