"""A tree as torch tensors, and the two sweeps that every loss is made of.

Place: below all of `falcon_svc.hierarchy.losses` and the heads; made from `Tree.parents` alone.
Nothing here needs N x N memory: a tree of 10,000 leaves costs a table of paths, (N, depth + 1).

Shapes: B batch, N nodes (the root is node 0), L levels below the root.
"""

from __future__ import annotations

import torch
from torch import Tensor

from falcon_svc.types import IntArray

NEVER = -1e30
"""Score of a node that cannot be: finite, so that no difference of two of them is NaN."""


class TreeTensors:
    """What losses ask of a tree.

    Parameters
    ----------
    parents
        (N,) parent of each node, smaller than the node's own number; -1 for the root, node 0.

    Attributes
    ----------
    parents
        (N,) as given, but the root is its own parent.
    depths
        (N,) edges to the root.
    paths
        (N, L + 1) node at depth j on the way from the root to v, and v itself from its depth on.
    leaves
        Nodes without children, ascending.
    levels
        L + 1 arrays of node numbers by depth.
    """

    def __init__(self, parents: IntArray) -> None:
        self.parents = torch.as_tensor(parents, dtype=torch.int64).clamp_min(0)
        self.n_nodes = len(self.parents)
        self.depths = _depths(self.parents)
        self.n_levels = int(self.depths.max())
        self.paths = _paths(self.parents, self.depths, self.n_levels)
        has_child = torch.zeros(self.n_nodes, dtype=torch.bool)
        has_child[self.parents[1:]] = True
        self.is_leaf = ~has_child
        self.leaves = self.is_leaf.nonzero()[:, 0]
        self.levels = [(self.depths == d).nonzero()[:, 0] for d in range(self.n_levels + 1)]
        self._order = torch.cat(self.levels).argsort()
        self._parent_places = [self._places(d) for d in range(1, self.n_levels + 1)]

    def _places(self, depth: int) -> Tensor:
        """Where the parents of a level's nodes stand in the level above."""
        return torch.searchsorted(self.levels[depth - 1], self.parents[self.levels[depth]])

    def cut(self, depth: int) -> Tensor:
        """Return the nodes at this depth and the leaves above it: each leaf is below one of them."""
        return self.paths[self.leaves, depth].unique()

    def n_leaves_below(self) -> Tensor:
        """Return (N,) leaves at or below each node."""
        counts = self.is_leaf.long()
        for level in reversed(self.levels[1:]):
            counts.index_add_(0, self.parents[level], counts[level])
        return counts

    def on_path(self, labels: Tensor) -> Tensor:
        """Return (B, N) bool: v is the label or one of its ancestors."""
        return torch.zeros(len(labels), self.n_nodes, dtype=torch.bool).scatter_(
            1, self.paths[labels], value=True
        )

    def within(self, labels: Tensor) -> Tensor:
        """Return (B, N) bool: v is the label or one of its descendants."""
        return self.paths.T[self.depths[labels]] == labels[:, None]

    def path_sum(self, values: Tensor) -> Tensor:
        r"""Return :math:`\sum_{u \in A(v)} x_u` over ancestors-or-self without the root.

        Parameters
        ----------
        values
            (B, N); the root's column is not read.
        """
        values = values * (self.depths > 0)
        total, up = values, self.parents
        for _ in range(self.n_levels - 1):
            total = total + values[:, up]
            up = self.parents[up]
        return total

    def subtree_logsumexp(self, scores: Tensor) -> Tensor:
        r"""Return :math:`\log \sum_{u \in D(v)} e^{s_u}` over descendants-or-self, without underflow.

        Parameters
        ----------
        scores
            (B, N); `NEVER` for nodes without a score of their own.
        """
        parts = [scores[:, self.levels[-1]]]
        for depth in range(self.n_levels, 0, -1):
            own = scores[:, self.levels[depth - 1]]
            parts.append(_add_exp(own, parts[-1], self._parent_places[depth - 1]))
        return torch.cat(parts[::-1], dim=1)[:, self._order]

    def sibling_logsumexp(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-sum-exp over each node's siblings-or-self; the root has `NEVER`.

        Parameters
        ----------
        scores
            (B, N); the root's column is not read.
        """
        nobody = torch.full_like(scores, NEVER)
        groups = _add_exp(nobody, scores[:, 1:], self.parents[1:])
        return torch.cat([nobody[:, :1], groups[:, self.parents[1:]]], dim=1)


def _add_exp(own: Tensor, more: Tensor, places: Tensor) -> Tensor:
    """Return the logarithm of exp(own) plus, at `places`, exp(more); the largest is taken out."""
    with torch.no_grad():
        index = places.expand_as(more)
        top = own.clone().scatter_reduce_(1, index, more, "amax")
    total = torch.exp(own - top).index_add(1, places, torch.exp(more - top[:, places]))
    return top + total.log()


def _depths(parents: Tensor) -> Tensor:
    depths = [0]
    for parent in parents.tolist()[1:]:
        depths.append(depths[parent] + 1)
    return torch.tensor(depths)


def _paths(parents: Tensor, depths: Tensor, n_levels: int) -> Tensor:
    """Each node at its own depth and below, its ancestors above."""
    paths = torch.arange(len(parents))[:, None].repeat(1, n_levels + 1)
    for depth in range(n_levels - 1, -1, -1):
        below = paths[:, depth + 1]
        paths[:, depth] = torch.where(depths[below] > depth, parents[below], below)
    return paths
