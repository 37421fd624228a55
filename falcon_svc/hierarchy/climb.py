"""Climbing: from the best leaf up to the first node that is sure enough.

Source: hierarchical selective classification (arXiv 2405.11533), section 3. Place: metrics draw its
risk-coverage curve, `inference.climbing` chooses its threshold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from falcon_svc.hierarchy.inputs import Scores, columns
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray


class ClimbLines(NamedTuple):
    """Nodes from below the root down to the best leaf, of all samples after one another.

    Parameters
    ----------
    samples
        (S,) ascending: the row each node belongs to.
    nodes
        (S,) node numbers, from the top down within a sample.
    confidence
        (S,) largest score from the leaf up to the node: it never falls on the way up.
    """

    samples: IntArray
    nodes: IntArray
    confidence: Scores


def best_leaf(block: Scores, tree: Tree) -> IntArray:
    """Return (n,) the leaf of the highest score; of equal ones the first."""
    leaf: IntArray = tree.leaves[columns(block, tree.leaves).argmax(axis=1)]
    return leaf


def climb_lines(block: Scores, tree: Tree) -> ClimbLines:
    """Return every sample's line from the top to its best leaf; see `ClimbLines`.

    Parameters
    ----------
    block
        (n, n_nodes) scores without NaN.
    """
    table = tree.ancestor_at[best_leaf(block, tree), 1:]
    scores = np.where(table >= 0, np.take_along_axis(block, np.maximum(table, 0), 1), -np.inf)
    rising = np.maximum.accumulate(scores[:, ::-1], axis=1)[:, ::-1]
    samples, columns = np.nonzero(table >= 0)
    return ClimbLines(samples, table[samples, columns], rising[samples, columns])


def climb(block: Scores, tree: Tree, threshold: float) -> IntArray:
    """Return (n,) the lowest node on the line from the best leaf that scores above `threshold`.

    The root where none does. Parameters as in `climb_lines`.
    """
    lines = climb_lines(block, tree)
    sure = lines.confidence > threshold
    found = np.zeros(len(block), np.int64)
    found[lines.samples[sure]] = lines.nodes[sure]  # the last one written is the lowest
    return found


def needed_threshold(block: Scores, true: IntArray, tree: Tree) -> NDArray[np.float64]:
    """Return (n,) the smallest threshold at which climbing gives a node on the label's line.

    Climbing is right for every threshold at or above it; -inf where the best leaf is right.
    """
    lines = climb_lines(block, tree)
    common = tree.lca(true[lines.samples], lines.nodes)
    wrong = (common != lines.nodes) & (common != true[lines.samples])
    needed = np.full(len(block), -np.inf)
    np.maximum.at(needed, lines.samples[wrong], lines.confidence[wrong].astype(np.float64))
    return needed
