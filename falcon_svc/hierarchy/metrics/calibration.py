"""Whether probabilities mean what they say, level by level.

Source: expected calibration error as Guo et al. (ICML 2017) define it, here for the best node of
each level of a hierarchy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.hierarchy.inputs import (
    RowScores,
    as_nodes,
    check_rows,
    columns,
    probability_chunks,
    row_scores,
)
from falcon_svc.hierarchy.tree import Tree

Floats = NDArray[np.float64]


class Reliability(NamedTuple):
    """A reliability diagram per level: H levels below the root, B bins of confidence.

    Parameters
    ----------
    counts : NDArray[float64]
        (H, B) samples in each bin.
    confidence, accuracy : NDArray[float64]
        (H, B) means in each bin; NaN where it is empty.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import level_reliability
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> found = level_reliability([("b", "")], [[1, 0.25, 0.75, 0.25, 0]], tree=tree, n_bins=2)
    >>> found.error.tolist()
    [0.25, nan]
    """

    counts: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> Floats:
        r"""(H,) :math:`\sum_b \frac{n_b}{n} |acc_b - conf_b|`; NaN for a level without labels."""
        gap = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        total = self.counts.sum(axis=1)
        weighted: Floats = (self.counts * gap).sum(axis=1)
        return np.where(total == 0, np.nan, weighted / np.maximum(total, 1))


def level_reliability(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree, n_bins: int = 15
) -> Reliability:
    """Return how often the best node of each level is right, by its probability.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names. A level below a sample's label leaves it out.
    scores
        (n, n_nodes) probabilities in [0, 1], read in pieces.
    tree
        The hierarchy; one parent per class.
    n_bins
        Bins of equal width, each open at its lower end; 0 belongs to the first.

    Returns
    -------
    Reliability
        Samples, mean confidence and accuracy of every bin of every level.

    Raises
    ------
    InputError
        A score outside [0, 1].

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import level_reliability
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> found = level_reliability([("b", "")], [[1, 0.25, 0.75, 0.25, 0]], tree=tree, n_bins=2)
    >>> found.counts.tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    tree.require_tree("Calibration per level")
    rows, true = row_scores(scores, tree), as_nodes(y_true, tree)
    check_rows(len(true), rows.shape[0])
    sums = np.zeros((3, tree.height, n_bins))
    for where, block in probability_chunks(rows):
        for level, nodes in enumerate(tree.levels[1:]):
            label = tree.ancestor_at[true[where], level + 1]
            known, best = np.flatnonzero(label >= 0), columns(block, nodes).argmax(axis=1)
            p = block[known, nodes[best[known]]].astype(np.float64)
            cell = np.clip(np.ceil(p * n_bins).astype(np.int64) - 1, 0, n_bins - 1)
            hit = (nodes[best[known]] == label[known]).astype(np.float64)
            for total, weight in zip(sums, (np.ones_like(p), p, hit), strict=True):
                total[level] += np.bincount(cell, weight, n_bins)
    means = sums[1:] / np.where(sums[0] == 0, np.nan, sums[0])
    return Reliability(sums[0], *means)


def level_calibration_error(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree, n_bins: int = 15
) -> Floats:
    """Return the expected calibration error of each level below the root.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names. A level below a sample's label leaves it out.
    scores
        (n, n_nodes) probabilities in [0, 1], read in pieces.
    tree
        The hierarchy; one parent per class.
    n_bins
        Bins of equal width, >= 1.

    Returns
    -------
    NDArray[float64]
        (height,) in [0, 1], of depth 1 first; NaN for a level that no label reaches.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import level_calibration_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> level_calibration_error([("a", "x")], [[1, 0.75, 0.25, 0.5, 0.25]], tree=tree).tolist()
    [0.25, 0.5]
    """
    return level_reliability(y_true, scores, tree=tree, n_bins=n_bins).error
