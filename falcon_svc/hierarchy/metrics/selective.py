"""Risk against coverage: what a classifier gains by staying broader, or silent, when unsure.

Sources: hierarchical selective classification (Goren, Galil, El-Yaniv, NeurIPS 2024, arXiv
2405.11533; its text and the code shanigoren/Hierarchical-Selective-Classification) and, for plain
abstention, Geifman and El-Yaniv (2017). Lower is better.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.climb import climb_lines
from falcon_svc.hierarchy.inputs import RowScores, as_nodes, check_rows, chunks, row_scores
from falcon_svc.hierarchy.metrics.curves import Steps, accumulate, changes
from falcon_svc.hierarchy.tree import Tree

Floats = NDArray[np.float64]


class RiskCoverage(NamedTuple):
    """Risk and coverage at every threshold that changes something, T of them.

    Parameters
    ----------
    thresholds : NDArray[float64]
        (T,) falling, inf first; what scores at least this is kept.
    coverage, risk : NDArray[float64]
        (T,) in [0, 1]; coverage rises.

    Examples
    --------
    >>> from falcon_svc.hierarchy.metrics import risk_coverage
    >>> curve = risk_coverage([True, False], [0.9, 0.6])
    >>> curve.coverage.tolist(), curve.risk.tolist(), curve.area
    ([0.0, 0.5, 1.0], [0.0, 0.0, 0.5], 0.125)
    """

    thresholds: Floats
    coverage: Floats
    risk: Floats

    @property
    def area(self) -> float:
        """Area under risk over coverage, by trapezoids: AURC or hAURC."""
        return float(np.diff(self.coverage) @ (self.risk[1:] + self.risk[:-1]) / 2)


def hierarchical_risk_coverage(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree
) -> RiskCoverage:
    r"""Return risk over coverage of climbing from the best leaf to the first node that is sure.

    Coverage of a node is :math:`I(v) / \log_2 L`, 1 for a leaf and 0 for the root; the risk is the
    share of predictions that are not on one line with their label.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes), read in pieces; where a score falls on the way up, the largest so far holds.
    tree
        The hierarchy; one parent per class, two leaves or more.

    Returns
    -------
    RiskCoverage
        Both at every threshold that changes something.

    Raises
    ------
    InputError
        The tree has fewer than two leaves.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_risk_coverage
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> curve = hierarchical_risk_coverage([("a", "y")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree)
    >>> curve.risk.tolist()
    [0.0, 0.0, 1.0]
    """
    tree.require_tree("Climbing")
    rows, true = row_scores(scores, tree), as_nodes(y_true, tree)
    check_rows(len(true), rows.shape[0])
    if tree.n_leaves < 2:
        raise InputError("Expected a tree of two leaves or more, found one; nothing is to choose.")
    parts = []
    for where, block in chunks(rows):
        samples, nodes, confidence = climb_lines(block, tree)
        common = tree.lca(true[where][samples], nodes)
        wrong = (common != nodes) & (common != true[where][samples])
        after = np.stack([tree.information[nodes] / np.log2(tree.n_leaves), wrong], axis=1)
        first = np.zeros((len(block), 2))
        parts.append(Steps(confidence, changes(after, first, samples)))
    thresholds, means = accumulate(np.zeros(2), parts, len(true))
    return RiskCoverage(thresholds, *np.ascontiguousarray(means.T))


def hierarchical_aurc_error(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree
) -> float:
    """Return hAURC in [0, 1], the area under `hierarchical_risk_coverage`; 0 is perfect.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy; one parent per class, two leaves or more.

    Returns
    -------
    float
        In [0, 1]; lower is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_aurc_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> hierarchical_aurc_error([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree)
    0.0
    """
    return hierarchical_risk_coverage(y_true, scores, tree=tree).area


def risk_coverage(correct: ArrayLike, confidence: ArrayLike) -> RiskCoverage:
    """Return the risk among the most confident predictions over the share that they are.

    Parameters
    ----------
    correct
        (n,) bool: the prediction is right.
    confidence
        (n,) any scores; equal ones are kept together.

    Returns
    -------
    RiskCoverage
        Both at every threshold that changes something.

    Raises
    ------
    InputError
        Two shapes that differ, no sample, or a score that is NaN.

    Examples
    --------
    >>> from falcon_svc.hierarchy.metrics import risk_coverage
    >>> risk_coverage([True, True, False], [0.9, 0.8, 0.6]).risk.tolist()
    [0.0, 0.0, 0.0, 0.3333333333333333]
    """
    right, sure = np.asarray(correct, bool), np.asarray(confidence, np.float64)
    check_rows(len(right), len(sure))
    if np.isnan(sure).any():
        raise InputError("Expected confidences that are numbers, found NaN; leave these rows out.")
    order = np.argsort(-sure, kind="stable")
    sure, wrong = sure[order], np.cumsum(~right[order])
    last = np.append(sure[1:] != sure[:-1], True)
    kept = np.flatnonzero(last) + 1
    risk = wrong[last] / kept
    return RiskCoverage(
        np.append(np.inf, sure[last]),
        np.append(0.0, kept / len(right)),
        np.append(risk[:1], risk),
    )
