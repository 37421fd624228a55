r"""Cuts of merge trees by what every split is expected to gain.

A total may ask for more splits than the data speak for. Which of those beyond do least harm is not
said by their costs alone: one that halves a large class costs far more than one that parts a few
samples. A split of n samples that leaves a on its smaller side, and is right with probability p,
is expected to gain

.. math:: p (a / m + w) - (1 - p) (a / m + w a / n),

m being the samples of a fine class of usual size. Right, it puts a samples and one class more where
they belong; wrong, it takes a samples from a class that had them, its a/n-th part. A class weighs w
beside the samples, so that ACC and macro accuracy are both in view. The odds of a split that costs
h are h / h*, with h* the cost where chances are even. Ours; docs/decisions/0003-structure.md says
what it is worth.

The best k clusters of a tree are found from the leaves up: i lie on one side of the last merge and
k - i on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.partition.merge_tree import MergeTree, common_cost
from falcon_svc.discovery.partition.votes import SMALLEST_COST
from falcon_svc.types import BoolArray, IntArray

Float = NDArray[np.floating[Any]]

CLASS_WEIGHT = 0.25
"""w: what one class more weighs, in samples of a usual class."""

ONE_CLUSTER = np.zeros(1)


def gainful_cuts(
    trees: Sequence[MergeTree], n_fine: int, supported: int, *, most: int, least: int
) -> list[GainfulCuts]:
    """Return the best cuts of each coarse class, whose gains mean the same in all of them.

    Parameters
    ----------
    trees
        One per coarse class, none of them pruned.
    n_fine
        F, the total that is wanted; N / F is the usual size.
    supported
        The total at which one common cut of all trees finds splits of even chances.
    most
        Clusters of a coarse class at most.
    least
        No split leaves fewer samples on a side.
    """
    usual = sum(len(tree.group) for tree in trees) / n_fine
    real = [tree.pruned(least).costs for tree in trees]
    even_cost = max(common_cost(real, supported), SMALLEST_COST)
    gains = (split_gains(tree, usual, even_cost, least=least) for tree in trees)
    return [GainfulCuts.of(*pair, most) for pair in zip(trees, gains, strict=True)]


def gain_table(cuts: Sequence[GainfulCuts]) -> Float:
    """Return (C, K) the expected gains of cuts into 1 .. K clusters; -inf past the splits."""
    table = np.full((len(cuts), max(len(cut.gains) for cut in cuts)), -np.inf)
    for row, cut in zip(table, cuts, strict=True):
        row[: len(cut.gains)] = cut.gains
    return table


def split_gains(tree: MergeTree, usual: float, even_cost: float, *, least: int = 1) -> Float:
    """Return (G - 1,) what undoing each merge is expected to gain; -inf where no cut may undo it.

    Parameters
    ----------
    tree
        Not a pruned one.
    usual
        m > 0.
    even_cost
        h* > 0.
    least
        No split leaves fewer samples on a side.
    """
    gains = np.full(len(tree.merges), -np.inf)
    may = len(tree.merges) - len(tree.costs)
    sides = tree.side_sizes()[may:]
    small, share = sides.min(axis=1) / usual, sides.min(axis=1) / sides.sum(axis=1)
    right = tree.costs / (tree.costs + np.float64(even_cost))
    gains[may:] = right * (small + CLASS_WEIGHT) - (1 - right) * (small + CLASS_WEIGHT * share)
    gains[may:][sides.min(axis=1) < least] = -np.inf
    return gains


@dataclass(frozen=True, eq=False)
class GainfulCuts:
    """The best cuts of one tree.

    Parameters
    ----------
    tree
        The tree.
    undoable
        (G - 1,) whether a cut may undo a merge.
    gains
        (K,) the expected gain of the best cuts into 1 .. K clusters.
    firsts
        For each merge, and each number of clusters on both its sides, 2, 3, ..: those on the first.
    """

    tree: MergeTree
    undoable: BoolArray
    gains: Float
    firsts: tuple[IntArray, ...]

    @classmethod
    def of(cls, tree: MergeTree, gains: Float, most: int) -> Self:
        """Find the best cuts of a tree, not a pruned one, into up to `most` clusters.

        `gains` (G - 1,) are those of undoing each merge, -inf where no cut may.
        """
        undoable = np.isfinite(gains)
        best, firsts = list[Float](), list[IntArray]()
        for merge, below in enumerate(tree.below()):
            one, other = (ONE_CLUSTER if t is None else best[t] for t in below)
            both, first = _best_of_both(one, other, most)
            undone = np.concatenate([ONE_CLUSTER, both + gains[merge]])
            best.append((undone if undoable[merge] else both)[:most])
            firsts.append(first)
        return cls(tree, undoable, best[-1] if best else ONE_CLUSTER, tuple(firsts))

    def cut(self, n_clusters: int) -> IntArray:
        """Return (n,) labels in ``[0, n_clusters)``; fewer where the tree has fewer splits."""
        undone, below = np.zeros(len(self.firsts), np.bool_), self.tree.below()
        waiting = [(len(below) - 1, min(n_clusters, len(self.gains)))] if below else []
        while waiting:
            merge, wanted = waiting.pop()
            if wanted == 1:
                continue
            undone[merge] = self.undoable[merge]
            on_both = wanted if undone[merge] else wanted + 1  # a merge that stays joins two
            first = int(self.firsts[merge][on_both - 2])
            shares = zip(below[merge], (first, on_both - first), strict=True)
            waiting += [(side, share) for side, share in shares if side is not None]
        return self.tree.without(undone)


def _best_of_both(one: Float, other: Float, most: int) -> tuple[Float, IntArray]:
    """Return the best gain of 2, 3, .. clusters on two sides, and how many lie on the first."""
    if len(one) > len(other):
        best, on_other = _best_of_both(other, one, most)
        return best, np.arange(2, 2 + len(best)) - on_other
    n_kept = min(len(one) + len(other) - 1, most)
    best, first = np.full(n_kept, -np.inf), np.zeros(n_kept, np.int64)
    for i, gain in enumerate(one[:n_kept]):
        room = slice(i, i + len(other))
        sums = gain + other[: n_kept - i]
        better = sums > best[room]
        best[room][better], first[room][better] = sums[better], i + 1
    return best, first
