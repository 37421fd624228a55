"""A tree as torch tensors, and the two sweeps that every loss is made of.

Place: below all of `falcon_svc.hierarchy.losses` and the heads; made from a `Tree`.
Nothing here needs N x N memory: a tree of 10,000 leaves costs a table of paths, (N, depth + 1).
Arrays over nodes and batch are (N, B): sums over groups of nodes then add whole rows, which is
an order of magnitude faster than adding columns.

Shapes: B batch, N nodes (the root is node 0), L levels below the root.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from falcon_svc.data.refusal import quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.tree import Tree

NEVER = -1e30
"""Score of a node that cannot be: finite, so that no difference of two of them is NaN."""


class TreeTensors:
    """What losses ask of a tree.

    Parameters
    ----------
    tree
        At least one node below the root. Where classes have several parents, `paths`, `on_path`,
        `within`, `path_sum`, `sibling_logsumexp` and `cut` know the first of them only;
        `subtree_logsumexp` goes over all lines, each descendant once.

    Attributes
    ----------
    parents
        (N,) as in the tree, but the root is its own parent.
    depths
        (N,) edges to the root.
    paths
        (N, L + 1) node at depth j on the way from the root to v, and v itself from its depth on.
    leaves
        Nodes without children, ascending.
    below_root
        (N, 1) False for the root.
    levels
        L + 1 arrays of node numbers by depth.
    """

    def __init__(self, tree: Tree) -> None:
        _check_size(tree)
        self.n_nodes, self.n_levels = tree.n_nodes, tree.height
        self.parents = torch.tensor(tree.parents).clamp_min(0)
        self.depths = torch.tensor(tree.depths)
        self.is_leaf = torch.tensor(tree.is_leaf)
        self.below_root = torch.arange(tree.n_nodes)[:, None] > 0
        self.leaves = torch.tensor(tree.leaves)
        self.levels = [torch.tensor(level) for level in tree.levels]
        self.n_leaves_below = torch.tensor(tree.leaf_descendant_counts)
        own = np.arange(tree.n_nodes)[:, None]
        self.paths = torch.tensor(np.where(tree.ancestor_at < 0, own, tree.ancestor_at))
        self._order = torch.cat(self.levels).argsort()
        self._sorted = bool((self._order == torch.arange(tree.n_nodes)).all())
        self._parent_places = [self._places(d) for d in range(1, self.n_levels + 1)]
        self._pairs = None if tree.is_tree else _pairs(tree)

    def _places(self, depth: int) -> Tensor:
        """Where the parents of a level's nodes stand in the level above."""
        return torch.searchsorted(self.levels[depth - 1], self.parents[self.levels[depth]])

    def cut(self, depth: int) -> Tensor:
        """Return the nodes at this depth and the leaves above it: together they hold all leaves."""
        nodes: Tensor = torch.unique(self.paths[self.leaves, depth])
        return nodes

    def on_path(self, labels: Tensor) -> Tensor:
        """Return (N, B) bool: v is the label or one of its ancestors."""
        return torch.zeros(self.n_nodes, len(labels), dtype=torch.bool).scatter_(
            0, self.paths[labels].T, value=True
        )

    def within(self, labels: Tensor) -> Tensor:
        """Return (N, B) bool: v is the label or one of its descendants."""
        return self.paths.index_select(1, self.depths[labels]) == labels

    def path_sum(self, values: Tensor) -> Tensor:
        r"""Return :math:`\sum_{u \in A(v)} x_u` over ancestors-or-self without the root.

        Parameters
        ----------
        values
            (N, B); the root's row is not read.
        """
        values = values * self.below_root
        total, up = values, self.parents
        for _ in range(self.n_levels - 1):
            total = total + values.index_select(0, up)
            up = self.parents[up]
        return total

    def subtree_logsumexp(self, scores: Tensor) -> Tensor:
        r"""Return :math:`\log \sum_{u \in D(v)} e^{s_u}` over descendants-or-self.

        Nothing underflows: each sum is taken relative to its largest term.

        Parameters
        ----------
        scores
            (N, B); `NEVER` for nodes without a score of their own.
        """
        if self._pairs is not None:
            below, above = self._pairs
            return _add_exp(torch.full_like(scores, NEVER), scores.index_select(0, below), above)
        levels = self._by_level(scores)
        parts = [levels[-1]]
        for depth in range(self.n_levels, 0, -1):
            parts.append(_add_exp(levels[depth - 1], parts[-1], self._parent_places[depth - 1]))
        every = torch.cat(parts[::-1])
        return every if self._sorted else every.index_select(0, self._order)

    def _by_level(self, scores: Tensor) -> list[Tensor]:
        """Return the rows of each level: views where nodes are sorted by depth."""
        if self._sorted:
            return list(torch.split(scores, [len(level) for level in self.levels]))
        return [scores.index_select(0, level) for level in self.levels]

    def sibling_logsumexp(self, scores: Tensor) -> Tensor:
        """Return (N, B) log-sum-exp over each node's siblings-or-self; the root has `NEVER`.

        Parameters
        ----------
        scores
            (N, B); the root's row is not read.
        """
        nobody = torch.full_like(scores, NEVER)
        groups = _add_exp(nobody, scores[1:], self.parents[1:])
        return torch.cat([nobody[:1], groups.index_select(0, self.parents[1:])])


class _AddExp(torch.autograd.Function):
    r"""The logarithm of exp(own) plus, at `places`, exp(more); the largest is taken out.

    The derivative by a term is its share of the sum, which is kept from the way there: autograd
    by itself would take twice as long.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, more: Tensor, places: Tensor) -> Tensor:
        top = own.clone().scatter_reduce_(0, places[:, None].expand_as(more), more, "amax")
        own_part = torch.exp(own - top)
        parts = (more - top.index_select(0, places)).exp_()
        total = own_part.index_add(0, places, parts)
        ctx.save_for_backward(own_part, parts, total, places)
        return top + total.log()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        own_part, parts, total, places = ctx.saved_tensors
        each = gradients[0] / total
        return each * own_part, each.index_select(0, places) * parts, None


def _add_exp(own: Tensor, more: Tensor, places: Tensor) -> Tensor:
    """Return (M, B): the logarithm of exp(own) plus, at `places` (K,), exp(more) (K, B)."""
    found: Tensor = _AddExp.apply(own, more, places)
    return found


def _pairs(tree: Tree) -> tuple[Tensor, Tensor]:
    """All pairs of a node and itself or a node above it."""
    below, above = tree.ancestors_sparse.nonzero()
    return torch.tensor(below, dtype=torch.int64), torch.tensor(above, dtype=torch.int64)


def _check_size(tree: Tree) -> None:
    if tree.n_nodes < 2:
        raise InputError(
            f"Expected a hierarchy with a class below its root, found the root "
            f"{quoted(tree.names[0])} alone; there is nothing to tell apart."
        )
