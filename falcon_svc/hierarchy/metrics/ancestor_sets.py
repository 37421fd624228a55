"""Hierarchical precision, recall and F: how much of a path is right. For trees and for DAGs.

Source: Kiritchenko, Matwin, Famili (2005), as surveyed by Silla and Freitas (2011); HiClass has
the same measures. A node stands for itself and all its ancestors but the root, which is always
right.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inputs import are_paths, as_nodes, labels_and_predictions
from falcon_svc.hierarchy.tree import Tree

Average = Literal["micro", "macro"]
Floats = NDArray[np.float64]


class HierarchicalScores(NamedTuple):
    """Hierarchical precision, recall and their harmonic mean, each in [0, 1].

    Parameters
    ----------
    precision : float
        Share of predicted classes that are right, hP.
    recall : float
        Share of true classes that are predicted, hR.
    f : float
        Harmonic mean of both, hF.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_scores
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> hierarchical_scores([("a", "x")], [("a", "")], tree=tree).precision
    1.0
    """

    precision: float
    recall: float
    f: float


def hierarchical_scores(
    y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree, average: Average = "micro"
) -> HierarchicalScores:
    r"""Return hierarchical precision, recall and F.

    With the ancestors :math:`A(v)` of v, itself included and the root left out:

    .. math::
        hP = \frac{\sum_i |A(p_i) \cap A(g_i)|}{\sum_i |A(p_i)|}, \quad
        hR = \frac{\sum_i |A(p_i) \cap A(g_i)|}{\sum_i |A(g_i)|}, \quad
        hF = \frac{2\, hP\, hR}{hP + hR}

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names, of any depth.
    tree
        The hierarchy; a class may have several parents.
    average
        "micro": sums over all samples, as above. "macro": hP, hR and hF of each sample, 1 where
        both parts are 0, then their means.

    Returns
    -------
    HierarchicalScores
        Precision, recall and F, each in [0, 1].

    Raises
    ------
    InputError
        An average that is neither "micro" nor "macro".

    Examples
    --------
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> hierarchical_scores([("a", "x")], [("a", "y")], tree=tree)
    HierarchicalScores(precision=0.5, recall=0.5, f=0.5)
    """
    if average not in ("micro", "macro"):
        raise InputError(f"Expected the average 'micro' or 'macro', found {average!r}; take one.")
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    ancestors = tree.ancestors_sparse.astype(np.int64)
    sizes = np.asarray(ancestors.sum(axis=1), np.int64) - 1
    shared = np.asarray(ancestors[true].multiply(ancestors[predicted]).sum(axis=1)) - 1
    parts = [shared, sizes[predicted], sizes[true]]
    common, shown, held = [p.sum(keepdims=True) for p in parts] if average == "micro" else parts
    precision, recall = _ratio(common, shown), _ratio(common, held)
    both = precision + recall
    f = 2 * precision * recall / np.where(both == 0, 1.0, both)
    return HierarchicalScores(float(precision.mean()), float(recall.mean()), float(f.mean()))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    return np.where(whole == 0, 1.0, part / np.maximum(whole, 1))


def hierarchical_f_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree, average: Average = "micro"
) -> float:
    """Return hF in [0, 1]; see `hierarchical_scores`.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names, of any depth.
    tree
        The hierarchy; a class may have several parents.
    average
        "micro" or "macro".

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import hierarchical_f_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> hierarchical_f_score([("a", "x"), ("b", "")], [("a", "y"), ("b", "")], tree=tree)
    0.6666666666666666
    """
    return hierarchical_scores(y_true, y_pred, tree=tree, average=average).f


def full_path_accuracy_score(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> float:
    """Return the share of samples whose prediction is the label itself, every level right.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    y_pred
        The same; or (n, height) node numbers, one per level below the root, as `level_argmax`
        gives them: then all levels down to the label's must be right.
    tree
        The hierarchy; one parent per class where predictions are by level.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InputError
        Predictions by level that do not fit the height of the tree.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import full_path_accuracy_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> full_path_accuracy_score([("a", "x"), ("b", "")], [("a", "y"), ("b", "")], tree=tree)
    0.5
    """
    predicted = None if are_paths(y_pred) else np.asarray(y_pred)
    if predicted is None or predicted.ndim != 2:
        true, nodes = labels_and_predictions(y_true, y_pred, tree)
        return float((true == nodes).mean())
    tree.require_tree("A prediction per level")
    path = tree.ancestor_at[as_nodes(y_true, tree), 1:]
    if path.shape != predicted.shape:
        raise InputError(
            f"Expected one prediction for each of {path.shape[1]} levels below the root, found "
            f"shape {predicted.shape}; level_argmax makes them."
        )
    return float(((path == predicted) | (path < 0)).all(axis=1).mean())
