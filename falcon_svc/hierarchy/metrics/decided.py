"""Figures of two plain decisions, a leaf always or the majority's node, straight from scores.

Source: the columns Majority F1, Leaf F1 and Leaf top-1 of Valmadre (NeurIPS 2022) and of papers
after it.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from falcon_svc.hierarchy.decisions import leaf_prediction, majority_prediction
from falcon_svc.hierarchy.inputs import RowScores
from falcon_svc.hierarchy.metrics.ancestor_sets import full_path_accuracy_score
from falcon_svc.hierarchy.metrics.values import Form, node_f1_score
from falcon_svc.hierarchy.tree import Tree


def majority_f1_score(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    form: Form = "information",
) -> float:
    """Return the mean F1 of majority predictions in [0, 1]; see `majority_prediction`.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes) probabilities, read in pieces.
    tree
        The hierarchy; one parent per class.
    form
        "information" or "depth".

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import majority_f1_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> majority_f1_score([("a", "y")], [[1, 0.9, 0.1, 0.45, 0.45]], tree=tree, form="depth")
    0.6666666666666666
    """
    nodes = majority_prediction(scores, tree=tree)
    return node_f1_score(y_true, nodes, tree=tree, form=form)


def leaf_f1_score(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    form: Form = "information",
) -> float:
    """Return the mean F1 of the best leaves.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy; one parent per class.
    form
        "information" (bits) or "depth" (edges): how much an inner node says.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import leaf_f1_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> leaf_f1_score([("a", "y")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree, form="depth")
    0.5
    """
    return node_f1_score(y_true, leaf_prediction(scores, tree=tree), tree=tree, form=form)


def leaf_top1_score(y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree) -> float:
    """Return the share of samples whose best leaf is the label; an inner label never is.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import leaf_top1_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> leaf_top1_score([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree)
    1.0
    """
    return full_path_accuracy_score(y_true, leaf_prediction(scores, tree=tree), tree=tree)
