"""Every metric of a hierarchical classifier at once: what ``falcon metrics`` prints.

Place: above `metrics` and `inference`, which know nothing of it. Names are those of the functions
of `falcon_svc.hierarchy.metrics`, without ``_score`` and ``_error``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.hierarchy import metrics
from falcon_svc.hierarchy.decisions import leaf_prediction, level_argmax, majority_prediction
from falcon_svc.hierarchy.inputs import RowScores, as_nodes
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Figures = dict[str, float | None]
PER_CENT = (90, 95)
K = 5


def evaluate_predictions(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> Figures:
    """Return the figures of one predicted node per sample.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) names, of any depth.
    tree
        The hierarchy. With several parents per class, ancestor sets and full paths only.
    """
    sets = metrics.hierarchical_scores(y_true, y_pred, tree=tree)
    found: Figures = {
        "hierarchical_precision": sets.precision,
        "hierarchical_recall": sets.recall,
        "hierarchical_f": sets.f,
        "full_path_accuracy": metrics.full_path_accuracy_score(y_true, y_pred, tree=tree),
    }
    if tree.is_tree:
        found |= {
            "node_correct": metrics.node_correct_score(y_true, y_pred, tree=tree),
            "node_f1": metrics.node_f1_score(y_true, y_pred, tree=tree),
            "mistake_severity": metrics.mistake_severity_error(y_true, y_pred, tree=tree),
            "hierarchical_distance": metrics.hierarchical_distance_error(y_true, y_pred, tree=tree),
            "edge_distance": metrics.edge_distance_error(y_true, y_pred, tree=tree),
        }
    return found


def evaluate_scores(y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree) -> Figures:
    """Return the figures of probabilities of all nodes; those of the best leaf among them.

    Figures of a level carry its depth, as in ``level_calibration_1``; None where no label reaches
    that level.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes) probabilities, read in pieces, several times.
    tree
        The hierarchy; one parent per class.
    """
    found: Figures = {}
    for step in score_steps(y_true, scores, tree=tree).values():
        found |= step()
    return found


def score_steps(
    y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree
) -> dict[str, Callable[[], Figures]]:
    """Return the figures of `evaluate_scores` in steps, for who keeps what is done of them.

    Parameters
    ----------
    y_true, scores, tree
        As there.

    Returns
    -------
    dict
        Name of a step -> what makes its figures, in their order.
    """
    true = as_nodes(y_true, tree)
    leaves = cache(lambda: leaf_prediction(scores, tree=tree))
    return {
        "information": lambda: _curve_figures(true, scores, tree, "information"),
        "depth": lambda: _curve_figures(true, scores, tree, "depth"),
        "decided": lambda: _decided_figures(true, scores, leaves(), tree),
        "levels": lambda: _level_figures(true, scores, tree),
        "leaves": lambda: evaluate_predictions(true, leaves(), tree=tree),
    }


def _curve_figures(
    true: IntArray, scores: ArrayLike | RowScores, tree: Tree, form: metrics.Form
) -> Figures:
    curve = metrics.operating_curve(true, scores, tree=tree, form=form)
    recalls = {f"recall_at_{x}_correct": curve.recall_at_correct(x / 100) for x in PER_CENT}
    figures = {
        "average_precision": curve.average_precision,
        "average_correct": curve.average_correct,
        **recalls,
    }
    return {f"{name}_{form}": value for name, value in figures.items()}


def _decided_figures(
    true: IntArray, scores: ArrayLike | RowScores, leaves: IntArray, tree: Tree
) -> Figures:
    majority, k = majority_prediction(scores, tree=tree), min(K, tree.n_leaves)
    distance = metrics.hierarchical_distance_at_k_error(true, scores, tree=tree, k=k)
    area = metrics.hierarchical_aurc_error(true, scores, tree=tree) if tree.n_leaves > 1 else None
    return {
        "majority_f1": metrics.node_f1_score(true, majority, tree=tree),
        "leaf_f1": metrics.node_f1_score(true, leaves, tree=tree),
        "leaf_top1": metrics.full_path_accuracy_score(true, leaves, tree=tree),
        "hierarchical_aurc": area,
        f"hierarchical_distance_at_{k}": distance,
    }


def _level_figures(true: IntArray, scores: ArrayLike | RowScores, tree: Tree) -> Figures:
    levels = level_argmax(scores, tree=tree)
    errors = metrics.level_calibration_error(true, scores, tree=tree)
    calibration: Figures = {
        f"level_calibration_{depth}": None if np.isnan(error) else float(error)
        for depth, error in enumerate(errors, 1)
    }
    return {
        "level_path_accuracy": metrics.full_path_accuracy_score(true, levels, tree=tree),
        "level_violation": metrics.level_violation_error(levels, tree=tree),
        "soft_violation": metrics.soft_violation_error(scores, tree=tree),
        **calibration,
    }
