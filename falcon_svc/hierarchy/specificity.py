"""The best node of every specificity: what thresholds, majorities and operating curves choose from.

A node is as specific as it has few leaves below it. Among nodes with one count of leaves only the
best scored can be chosen by a threshold, so a row of scores comes down to one column per count:
O(n_nodes) per sample, without sorting. Source of the rule: Valmadre (NeurIPS 2022), section 4;
nodes with a single child are trivial (they hold what their child holds) and never chosen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from falcon_svc.hierarchy.inputs import Scores, columns
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, IntArray


class BestNodes(NamedTuple):
    """For n samples the best node of each of G specificities, from the broadest to the leaves.

    Parameters
    ----------
    nodes
        (n, G) node numbers; of equal scores the first.
    scores
        (n, G) their scores.
    """

    nodes: IntArray
    scores: Scores

    @property
    def on_front(self) -> BoolArray:
        """(n, G) bool: scores above all more specific ones, so that some threshold chooses it."""
        front = np.ones(self.scores.shape, bool)
        later = np.maximum.accumulate(self.scores[:, :0:-1], axis=1)[:, ::-1]
        front[:, :-1] = self.scores[:, :-1] > later
        return front

    def above(self, threshold: float | Scores) -> IntArray:
        """Return (n,) the most specific node that scores above `threshold`; else the root.

        Parameters
        ----------
        threshold
            One for all samples, or (n,) one for each.
        """
        limit = np.broadcast_to(np.asarray(threshold), self.scores.shape[:1])
        chosen = self.scores > limit[:, None]
        last = chosen.shape[1] - 1 - chosen[:, ::-1].argmax(axis=1)
        found = np.take_along_axis(self.nodes, last[:, None], axis=1)[:, 0]
        return np.where(chosen.any(axis=1), found, 0)


def specificity_groups(tree: Tree) -> list[IntArray]:
    """Return the nodes that can be chosen below the root, by falling count of leaves.

    Each group is ascending; the last one holds the leaves. A tree of one leaf has that leaf.
    """
    counts = tree.leaf_descendant_counts
    choosable = np.diff(tree.children.starts) != 1
    below = choosable & (counts < tree.n_leaves) if tree.n_leaves > 1 else choosable
    sizes = np.unique(counts[below])[::-1]
    return [np.flatnonzero(below & (counts == size)) for size in sizes]


def best_nodes(block: Scores, groups: list[IntArray]) -> BestNodes:
    """Return the best node of each group.

    Parameters
    ----------
    block
        (n, n_nodes) scores without NaN.
    groups
        From `specificity_groups`.
    """
    rows = np.arange(len(block))
    nodes = np.empty((len(block), len(groups)), np.int64)
    for number, group in enumerate(groups):
        nodes[:, number] = group[columns(block, group).argmax(axis=1)]
    return BestNodes(nodes, block[rows[:, None], nodes])
