"""How bad mistakes are: heights of common ancestors, and edges between nodes. Lower is better.

Source: Bertinetto et al., Making better mistakes (CVPR 2020), whose mistake severity and
hierarchical distance Jain et al. (2023) report as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inputs import (
    RowScores,
    Scores,
    as_nodes,
    check_rows,
    chunks,
    columns,
    labels_and_predictions,
    row_scores,
)
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray


def mistake_severity_error(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> float:
    """Return the mean height of the lowest common ancestor over wrong predictions; 0 if none.

    The height of a node is the number of edges to the farthest leaf below it: 1 is a mistake
    among siblings, `tree.height` one across the whole tree. A classifier that errs more rarely
    can have worse mistakes: read it beside accuracy.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    float
        In edges, in [0, `tree.height`]; lower is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import mistake_severity_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> mistake_severity_error([("a", "x"), ("b", "")], [("b", ""), ("b", "")], tree=tree)
    2.0
    """
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    wrong = true != predicted
    if not wrong.any():
        return 0.0
    return float(_heights(true[wrong], predicted[wrong], tree).mean())


def hierarchical_distance_error(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> float:
    """Return the mean height of the lowest common ancestor over all samples; 0 for right leaves.

    A right inner node counts with its own height: it leaves that much open.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    float
        In edges, in [0, `tree.height`]; lower is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_distance_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> hierarchical_distance_error([("a", "x"), ("b", "")], [("a", "y"), ("b", "")], tree=tree)
    0.5
    """
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    return float(_heights(true, predicted, tree).mean())


def hierarchical_distance_at_k_error(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree, k: int = 5
) -> float:
    """Return the mean height of the common ancestors of labels and their k best scored leaves.

    Right leaves count as 0, so that even a perfect ranking has a positive distance for k > 1.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes), read in pieces; equal scores in the order of the leaves.
    tree
        The hierarchy; one parent per class.
    k
        From 1 to the number of leaves.

    Returns
    -------
    float
        In edges, in [0, `tree.height`]; lower is better.

    Raises
    ------
    InputError
        A k that is below 1 or above the number of leaves.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_distance_at_k_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> hierarchical_distance_at_k_error([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.3]], tree=tree, k=2)
    0.5
    """
    rows, true = row_scores(scores, tree), as_nodes(y_true, tree)
    check_rows(len(true), rows.shape[0])
    if not 1 <= k <= tree.n_leaves:
        raise InputError(
            f"Expected k from 1 to {tree.n_leaves}, the number of leaves, found {k}; lower it."
        )
    total = 0.0
    for where, block in chunks(rows):
        best = tree.leaves[_best_k(columns(block, tree.leaves), k)]
        total += float(_heights(true[where, None], best, tree).sum())
    return total / (len(true) * k)


def _best_k(leaves: Scores, k: int) -> IntArray:
    """Return (n, k) columns of the largest scores; of equal ones the first."""
    rest = np.maximum(leaves, np.finfo(leaves.dtype).min)  # so that -inf means: taken
    best = np.empty((len(leaves), k), np.int64)
    for rank in range(k):
        best[:, rank] = rest.argmax(axis=1)
        rest[np.arange(len(rest)), best[:, rank]] = -np.inf
    return best


def edge_distance_error(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> float:
    """Return the mean number of edges between label and prediction.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    float
        In edges, >= 0; 0 where all is right.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import edge_distance_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> edge_distance_error([("a", "x"), ("b", "")], [("a", "y"), ("b", "")], tree=tree)
    1.0
    """
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    depths, common = tree.depths, tree.lca(true, predicted)
    return float((depths[true] + depths[predicted] - 2 * depths[common]).mean())


def _heights(true: IntArray, predicted: IntArray, tree: Tree) -> IntArray:
    return tree.heights[tree.lca(true, predicted)]
