"""Agglomerative clustering whose taste for equal sizes is a dial.

Two clusters of n_a and n_b samples are merged at the cost

    d^2(a, b) * (n_a n_b / (n_a + n_b)) ** size_exponent,

with d^2 the mean squared distance between their samples. Exponent 1 behaves like Ward's method
and k-means: clusters of like size. Exponent 0 is average linkage: clusters of like width, which
may be tiny or huge. `falcon_svc.discovery.counts` sets the dial from how unequal the data are.
Lance and Williams' update for average linkage (Comput. J. 9, 1967) keeps d^2 exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from falcon_svc.types import FloatArray, IntArray


@dataclass(frozen=True)
class MergeTree:
    """The merges of one coarse class, from small groups up to one cluster.

    Parameters
    ----------
    group
        (n,) int64 in ``[0, G)``: each sample's starting group.
    merges
        (G - 1, 2) int64: in order, group `merges[t, 1]` joins the cluster of `merges[t, 0]`.
    costs
        (G - 1,) the merges' costs, made non-decreasing.
    """

    group: IntArray
    merges: IntArray
    costs: FloatArray

    @property
    def split_costs(self) -> FloatArray:
        """Costs from the top: entry k - 1 is what splitting k clusters into k + 1 undoes."""
        return self.costs[::-1]

    def cut(self, n_clusters: int) -> IntArray:
        """Return (n,) labels in ``[0, n_clusters)``; fewer where there are fewer groups."""
        parent = np.arange(len(self.merges) + 1)
        for kept, joined in self.merges[: max(0, len(parent) - n_clusters)][::-1]:
            parent[joined] = parent[kept]
        return np.unique(parent, return_inverse=True)[1].astype(np.int64)[self.group]


def merge_tree(vectors: FloatArray, *, size_exponent: float, max_groups: int) -> MergeTree:
    """Build the tree of (n, D) vectors; more than `max_groups` samples start as Ward groups."""
    n = len(vectors)
    group = np.arange(n)
    if n > max_groups:
        group = fcluster(linkage(vectors, "ward"), max_groups, "maxclust") - 1
    return _agglomerate(vectors, group.astype(np.int64), size_exponent)


def _agglomerate(vectors: FloatArray, group: IntArray, size_exponent: float) -> MergeTree:
    size, distance = _group_distances(vectors, group)
    n_groups = len(size)
    cost = distance * _size_weight(size[:, None], size[None], size_exponent)
    np.fill_diagonal(cost, np.inf)
    merges, costs = np.empty((n_groups - 1, 2), np.int64), np.empty(n_groups - 1)
    for step in range(n_groups - 1):
        kept, joined = sorted(divmod(int(cost.argmin()), n_groups))
        merges[step], costs[step] = (kept, joined), cost[kept, joined]
        _join(kept, joined, size, distance)
        row = distance[kept] * _size_weight(size[kept], size, size_exponent)
        row[np.isinf(cost[kept])] = np.inf  # itself, and groups that have been merged away
        cost[kept], cost[:, kept] = row, row
        cost[joined], cost[:, joined] = np.inf, np.inf
    return MergeTree(group, merges, np.maximum.accumulate(costs).astype(np.float32))


def _join(kept: int, joined: int, size: NDArray[np.float64], distance: NDArray[np.float64]) -> None:
    total = size[kept] + size[joined]
    row = (size[kept] * distance[kept] + size[joined] * distance[joined]) / total
    distance[kept], distance[:, kept] = row, row
    size[kept] = total


def _size_weight(
    a: NDArray[np.float64], b: NDArray[np.float64], exponent: float
) -> NDArray[np.float64]:
    return np.asarray((a * b / (a + b)) ** exponent)


def _group_distances(
    vectors: FloatArray, group: IntArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sizes (G,) and mean squared distances (G, G) between the samples of the groups."""
    n_groups = int(group.max()) + 1
    size = np.bincount(group).astype(np.float64)
    member = np.zeros((n_groups, vectors.shape[1]))
    np.add.at(member, group, vectors)
    centre = member / size[:, None]
    spread = np.bincount(group, ((vectors - centre[group]) ** 2).sum(1)) / size
    square = (centre**2).sum(1)
    between = np.maximum(square[:, None] + square[None] - 2 * centre @ centre.T, 0)
    return np.asarray(size), between + spread[:, None] + spread[None]
