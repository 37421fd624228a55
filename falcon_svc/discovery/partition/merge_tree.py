"""Agglomerative clustering whose taste for equal sizes is a dial, and cuts through many trees.

Two clusters of n_a and n_b samples are merged at the cost

    d^2(a, b) * (n_a n_b / (n_a + n_b)) ** size_exponent,

with d^2 the mean squared distance between their samples. Exponent 1 behaves like Ward's method
and k-means: clusters of like size. Exponent 0 is average linkage: clusters of like width, which
may be tiny or huge. Lance and Williams' update for average linkage (Comput. J. 9, 1967) keeps d^2
exact. A data set has one tree per coarse class; `cut_at_counts` and `cut_at_common_cost` cut all.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster

from falcon_svc.discovery.partition.agglomeration import Groups, agglomerated
from falcon_svc.discovery.partition.distances import average_steps, ward_steps
from falcon_svc.types import BoolArray, FloatArray, IntArray

MAX_GROUPS = 200
GROUPS_PER_CLUSTER = 2
_NO_MERGES = np.zeros((0, 2), np.int64)


@dataclass(frozen=True)
class MergeTree:
    """The merges of one coarse class, from small groups up to one cluster.

    Parameters
    ----------
    group
        (n,) int64 in ``[0, G)``: each sample's starting group.
    merges
        (G - 1, 2) int64: the cluster of group `merges[t, 1]` joins that of `merges[t, 0]`; no
        group joins twice.
    costs
        (S,) costs, non-decreasing, of the last S <= G - 1 merges: those that a cut may undo.
    """

    group: IntArray
    merges: IntArray
    costs: FloatArray

    @property
    def split_costs(self) -> FloatArray:
        """Costs from the top: entry k - 1 is what splitting k clusters into k + 1 undoes."""
        return self.costs[::-1]

    def cut(self, n_clusters: int) -> IntArray:
        """Return (n,) labels in ``[0, n_clusters)``; fewer where the tree has fewer splits."""
        return self._numbered(self.roots(n_clusters))

    def without(self, undone: BoolArray) -> IntArray:
        """Return (n,) labels of the clusters where the merges `undone` (G - 1,) are not made."""
        return self._numbered(self._roots(~undone))

    def roots(self, n_clusters: int) -> IntArray:
        """Return (G,) the group that each group's cluster goes by where `cut` leaves it."""
        n_undone = min(n_clusters - 1, len(self.costs))
        return self._roots(np.arange(len(self.merges)) < len(self.merges) - n_undone)

    def _roots(self, made: BoolArray) -> IntArray:
        parent = np.arange(len(self.merges) + 1)
        kept, joined = self.merges[made].T
        parent[joined] = kept
        while (parent[parent] != parent).any():
            parent = parent[parent]
        return parent

    def _numbered(self, roots: IntArray) -> IntArray:
        number = np.cumsum(roots == np.arange(len(roots))) - 1
        return np.asarray(number[roots][self.group], np.int64)

    def pruned(self, least: int) -> MergeTree:
        """Return the tree without the splits that leave fewer than `least` samples on a side."""
        real = self.smaller_sides() >= least
        real[: len(real) - len(self.costs)] = False
        order = np.argsort(real, kind="stable")  # what no cut may undo comes first
        own = real[len(real) - len(self.costs) :]
        return MergeTree(self.group, self.merges[order], self.costs[own])

    def smaller_sides(self) -> IntArray:
        """Return (G - 1,) the samples on the smaller side of each merge; not of a pruned tree."""
        return np.asarray(self.side_sizes().min(axis=1), np.int64)

    def side_sizes(self) -> IntArray:
        """Return (G - 1, 2) the samples on both sides of each merge; not of a pruned tree."""
        size = np.bincount(self.group, minlength=len(self.merges) + 1)
        sides = np.empty((len(self.merges), 2), np.int64)
        for t, (kept, joined) in enumerate(self.merges):
            sides[t] = size[kept], size[joined]
            size[kept] += size[joined]
        return sides

    def below(self) -> list[tuple[int | None, int | None]]:
        """Return the merge that made up each side of each merge; None for a single group."""
        last: dict[int, int] = {}
        below = []
        for t, (kept, joined) in enumerate(self.merges.tolist()):
            below.append((last.get(kept), last.get(joined)))
            last[kept] = t
        return below

    def weighed_by_size(self, usual: float, exponent: float) -> MergeTree:
        """Return the tree whose splits cost (smaller side / usual) ** exponent times as much.

        To be asked before small splits are taken out (`pruned`).

        Parameters
        ----------
        usual
            Samples of a cluster of usual size, > 0.
        exponent
            Below 0 splits that part a few samples from many come earlier, above 0 later.

        Returns
        -------
        MergeTree
            The same clusters; a split costs at most what the one above it does, and comes after it.
        """
        n_fixed = len(self.merges) - len(self.costs)
        cost = np.zeros(len(self.merges))
        cost[n_fixed:] = self.costs * (self.smaller_sides()[n_fixed:] / usual) ** exponent
        order, costs = _costliest_first(cost.tolist(), self.below())
        return MergeTree(
            self.group, self.merges[order[::-1]], costs[::-1][n_fixed:].astype(np.float32)
        )


def _costliest_first(
    cost: Sequence[float], below: Sequence[tuple[int | None, int | None]]
) -> tuple[IntArray, NDArray[np.float64]]:
    """Walk merges from the top, each after the one above it; at most that one's cost."""
    waiting = [(-cost[-1], len(cost) - 1)] if cost else []
    order, costs = list[int](), list[float]()
    while waiting:
        rank, merge = heapq.heappop(waiting)
        order.append(merge)
        costs.append(min(-rank, costs[-1]) if costs else -rank)
        for t in below[merge]:
            if t is not None:
                heapq.heappush(waiting, (-cost[t], t))
    return np.array(order, np.int64), np.array(costs)


def merge_tree(
    vectors: FloatArray, *, size_exponent: float, max_groups: int = MAX_GROUPS
) -> MergeTree:
    """Build the tree of (n, D) vectors; more than `max_groups` samples start as Ward groups.

    Ward groups also keep single outliers from becoming clusters of their own.
    """
    return merge_trees([vectors], size_exponent=size_exponent, max_groups=max_groups)[0]


def merge_trees(
    sets: Iterable[FloatArray],
    *,
    size_exponent: float,
    max_groups: int = MAX_GROUPS,
    on_rows: Callable[[int], None] = lambda _: None,
) -> list[MergeTree]:
    """Build the tree of each set, as `merge_tree` does, and tell the rows of each."""
    trees: dict[int, MergeTree] = {}
    starts: dict[int, Groups] = {}
    for q, vectors in enumerate(sets):
        if size_exponent == 0 and 1 < len(vectors) <= max_groups:
            trees[q] = _of_scipy(average_steps(vectors), len(vectors))
        else:
            starts[q] = _starting_groups(vectors, max_groups)
        on_rows(len(vectors))
    found = agglomerated(list(starts.values()), size_exponent)
    for (q, start), merges in zip(starts.items(), found, strict=True):
        costs = np.maximum.accumulate(merges.costs).astype(np.float32)
        trees[q] = MergeTree(start.group, merges.pairs, costs)
    return [trees[q] for q in range(len(trees))]


def _starting_groups(vectors: FloatArray, max_groups: int) -> Groups:
    group = np.arange(len(vectors))
    if len(vectors) > max_groups:
        group = fcluster(ward_steps(vectors), max_groups, "maxclust") - 1
    return Groups.of(vectors, group.astype(np.int64))


def groups_for(n_clusters: int) -> int:
    """Return how many groups a tree starts with, so that it can be cut into `n_clusters`."""
    return max(MAX_GROUPS, GROUPS_PER_CLUSTER * n_clusters)


def trees_of(
    space: FloatArray,
    groups: list[IntArray],
    size_exponent: float,
    most_clusters: int,
    *,
    on_rows: Callable[[int], None] = lambda _: None,
) -> list[MergeTree]:
    """Return one tree per coarse class, for up to `most_clusters` clusters.

    `on_rows` is called with the rows of each tree that is done.
    """
    return merge_trees(
        (space[rows] for rows in groups),
        size_exponent=size_exponent,
        max_groups=groups_for(most_clusters),
        on_rows=on_rows,
    )


class Cuttable(Protocol):
    """What can be cut into a number of clusters."""

    def cut(self, n_clusters: int) -> IntArray:
        """Return (n,) labels in ``[0, n_clusters)``."""
        ...


def cut_at_counts(trees: Sequence[Cuttable], groups: list[IntArray], counts: IntArray) -> IntArray:
    """Return (N,) fine ids, consecutive over coarse classes: class q has counts[q] of them."""
    fine = np.zeros(sum(map(len, groups)), np.int64)
    first = np.concatenate([[0], np.cumsum(counts)])
    for tree, rows, count, start in zip(trees, groups, counts, first, strict=False):
        fine[rows] = start + tree.cut(int(count))
    return fine


def cut_at_common_cost(trees: Sequence[MergeTree], groups: list[IntArray], n_fine: int) -> IntArray:
    """Return (N,) fine ids of about `n_fine` clusters: all trees are cut at one cost."""
    threshold = common_cost([tree.costs for tree in trees], n_fine)
    counts = np.array([1 + int((tree.costs >= threshold).sum()) for tree in trees])
    return cut_at_counts(trees, groups, counts)


def common_cost(costs: Sequence[FloatArray], n_fine: int) -> float:
    """Return the cost at which one cut of all trees leaves `n_fine` clusters."""
    every, n_splits = np.concatenate(costs), n_fine - len(costs)
    if n_splits <= 0 or not len(every):
        largest = every.max(initial=1.0)
        return float(np.nextafter(largest, largest.dtype.type(np.inf)))
    return float(np.sort(every)[::-1][min(n_splits, len(every)) - 1])


def nested_means(
    tree: MergeTree, vectors: FloatArray, most: int
) -> tuple[FloatArray, list[IntArray]]:
    """Return the means (2 most - 1, D) of the top clusters of a tree, and who makes up each cut.

    Parameters
    ----------
    tree
        A tree of the rows `vectors` (n, D) that can be cut into `most` clusters.
    most
        K >= 1.

    Returns
    -------
    tuple
        The means, and for 1, 2, .. K clusters which of them these are.
    """
    own = tree.cut(most)
    sizes = np.bincount(own).astype(np.float64)
    sums = np.zeros((2 * most - 1, vectors.shape[1]))
    sums[:most] = np.add.reduceat(
        vectors[np.argsort(own, kind="stable")].astype(np.float64),
        np.concatenate([[0], np.cumsum(sizes[:-1]).astype(np.int64)]),
    )
    sizes = np.concatenate([sizes, np.zeros(most - 1)])
    node_of = {root: k for k, root in enumerate(np.unique(tree.roots(most)).tolist())}
    cuts = [list(range(most))]
    last = tree.merges[len(tree.merges) - most + 1 :].tolist()
    for new, (kept, joined) in enumerate(last, most):
        a, b = node_of[kept], node_of[joined]
        sums[new], sizes[new] = sums[a] + sums[b], sizes[a] + sizes[b]
        node_of[kept] = new
        cuts.append([node for node in cuts[-1] if node not in (a, b)] + [new])
    means = np.asarray(sums / sizes[:, None], np.float32)
    return means, [np.array(nodes) for nodes in reversed(cuts)]


def ward_tree(vectors: FloatArray) -> MergeTree:
    """Return Ward's tree of (n, D) vectors from single samples, its costs being scipy's heights."""
    if len(vectors) < 2:
        return MergeTree(np.zeros(len(vectors), np.int64), _NO_MERGES, np.zeros(0, np.float32))
    return _of_scipy(ward_steps(vectors), len(vectors))


def _of_scipy(steps: NDArray[np.float64], n: int) -> MergeTree:
    first, merges = list(range(n)), []  # least sample of each of scipy's clusters
    for a, b in steps[:, :2].astype(np.int64).tolist():
        one, other = first[a], first[b]
        merges.append((one, other) if one < other else (other, one))
        first.append(min(one, other))
    both = np.array(merges, np.int64).reshape(-1, 2)
    return MergeTree(np.arange(n), both, steps[:, 2].astype(np.float32))
