"""Which nodes stand for a set of leaves: exactly, or with at most r nodes and as few extra leaves.

Place: `conformal` writes its sets this way. The smallest cover is found by dynamic programming up
the tree: for every node and every count of nodes, the fewest leaves that hold its part of the set.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, IntArray

Cover = tuple[int, tuple[int, ...]]
"""How many leaves lie below the nodes, and the nodes."""


def exact_nodes(inside: BoolArray, tree: Tree) -> IntArray:
    """Return the fewest nodes whose leaves are exactly these, ascending.

    Parameters
    ----------
    inside
        (n_leaves,) bool in the order of `tree.leaves`.
    """
    covered = tree.ancestors_sparse[tree.leaves].astype(np.int64).T @ inside.astype(np.int64)
    whole = covered == tree.leaf_descendant_counts
    topmost = whole & ~(whole[np.maximum(tree.parents, 0)] & (tree.parents >= 0))
    return np.flatnonzero(topmost)


def smallest_cover(leaves: IntArray, tree: Tree, max_nodes: int) -> IntArray:
    """Return at most `max_nodes` nodes that hold `leaves` with the fewest leaves below them.

    Of covers with equally many leaves, the one of fewest nodes; ascending.

    Parameters
    ----------
    leaves
        One leaf or more.
    max_nodes
        At least 1.
    """
    waiting: dict[int, list[Cover]] = {}
    for node in _relevant(leaves, tree):
        own: Cover = (int(tree.leaf_descendant_counts[node]), (node,))
        below = waiting.pop(node, [])
        covers = _pruned([own, *below], max_nodes)
        parent = int(tree.parents[node])
        if parent < 0:
            return np.array(sorted(min(covers)[1]), np.int64)
        waiting[parent] = (
            _pruned(_joined(waiting[parent], covers), max_nodes) if parent in waiting else covers
        )
    raise AssertionError("every line ends at the root")


def _relevant(leaves: IntArray, tree: Tree) -> list[int]:
    """Return the leaves and all their ancestors, children before parents."""
    lines = np.unique(tree.ancestor_at[leaves])
    relevant: list[int] = lines[lines >= 0][::-1].tolist()
    return relevant


def _joined(one: list[Cover], other: list[Cover]) -> list[Cover]:
    return [(a[0] + b[0], a[1] + b[1]) for a in one for b in other]


def _pruned(covers: list[Cover], max_nodes: int) -> list[Cover]:
    """Keep, for rising counts of nodes, the covers with fewer leaves than all shorter ones."""
    kept: list[Cover] = []
    for cover in sorted(covers, key=lambda c: (len(c[1]), c[0])):
        if len(cover[1]) <= max_nodes and (not kept or cover[0] < kept[-1][0]):
            kept.append(cover)
    return kept
