"""The model card of a hierarchical classifier: what it was trained on, how, and how well it does.

Place: written by `HierarchicalClassifier.fit`, kept in the saved file. It holds no time and no
name of a machine: the same training gives the same card.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.hierarchy.classifier.label_forms import Labels

if TYPE_CHECKING:
    from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier

PACKAGES = ("falcon-svc", "torch", "numpy", "scikit-learn")


def model_card(
    model: HierarchicalClassifier, vectors: NDArray[np.float64], labels: Labels
) -> dict[str, Any]:
    """Return the card, JSON-ready.

    Parameters
    ----------
    model
        Trained.
    vectors
        (n, D) as they came.
    labels
        Labels of the samples.

    Returns
    -------
    dict
        `trained_on` (rows, features, rows without label, rows by depth of their label, sha256 of
        vectors and labels), `tree`, `training`, `versions` and `metrics` (the last epoch's
        training loss; put measurements on held-out data here).
    """
    tree = labels.tree
    return {
        "trained_on": {
            "rows": len(vectors),
            "features": vectors.shape[1],
            "rows_without_label": labels.n_unlabelled,
            "rows_by_label_depth": _by_depth(labels),
            "sha256": _digest(vectors, labels.nodes),
        },
        "tree": {
            "nodes": tree.n_nodes,
            "leaves": tree.n_leaves,
            "height": tree.height,
            "leaves_without_rows": _empty_leaves(labels),
        },
        "training": {
            "loss": model.loss,
            "loss_options": dict(model.loss_options or {}),
            "inference": model.inference,
            "hidden": model.hidden,
            "epochs": len(model.loss_curve_),
            "learning_rate": model.learning_rate,
            "weight_decay": model._training(vectors.shape[1]).weight_decay,
        },
        "versions": dict(_versions()),
        "metrics": {"training_loss": model.loss_curve_[-1]},
    }


@cache
def _versions() -> dict[str, str]:
    """Read from the disk, so once: it would take longer than an epoch of a small set."""
    return {package: version(package) for package in PACKAGES}


def _by_depth(labels: Labels) -> list[int]:
    """Rows whose (deepest) label lies at depth 0, 1, .."""
    depths = labels.tree.depths
    own = (labels.nodes * depths).max(axis=1) if labels.form == "sets" else depths[labels.nodes]
    return [int(count) for count in np.bincount(own, minlength=labels.tree.height + 1)]


def _empty_leaves(labels: Labels) -> int:
    tree = labels.tree
    if labels.form == "sets":
        return int((~labels.nodes[:, tree.leaves].any(axis=0)).sum())
    return int((np.bincount(labels.nodes, minlength=tree.n_nodes)[tree.leaves] == 0).sum())


def _digest(vectors: NDArray[np.float64], nodes: NDArray[Any]) -> str:
    found = hashlib.sha256(np.ascontiguousarray(vectors).data)
    found.update(nodes.tobytes())
    return found.hexdigest()
