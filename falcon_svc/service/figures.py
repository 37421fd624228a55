"""Hierarchical figures of predictions that come in one request."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.evaluation import Figures, evaluate_predictions, evaluate_scores
from falcon_svc.hierarchy.inference.propagate import bottom_up
from falcon_svc.service.predictions import as_table

Paths = Sequence[Sequence[str]]
MOST_CELLS = 4_000_000
"""Samples times nodes: a few seconds of one processor."""


def measure(
    classes: Paths,
    truth: Paths,
    *,
    predictions: Paths | None = None,
    scores: list[list[float]] | None = None,
) -> Figures:
    """Return the figures that `falcon metrics` prints.

    Parameters
    ----------
    classes
        Paths that make the tree.
    truth
        (n,) true paths.
    predictions, scores
        One of the two: (n,) paths, or (n, nodes or leaves) probabilities.

    Raises
    ------
    InputError
        Both or neither; a path that is not in the tree; another number of rows or columns; more
        than 4,000,000 samples times nodes.
    """
    if (predictions is None) == (scores is None):
        raise InputError("Expected one of predictions and scores; give exactly one.")
    tree = Tree.from_paths(classes)
    _check_size(len(truth), tree)
    true = tree.encode(truth)
    if scores is not None:
        return _finite(evaluate_scores(true, _all_nodes(scores, tree), tree=tree))
    return _finite(evaluate_predictions(true, tree.encode(predictions or ()), tree=tree))


def _check_size(n: int, tree: Tree) -> None:
    if n * tree.n_nodes > MOST_CELLS:
        raise InputError(
            f"Expected at most {MOST_CELLS:,} samples times classes in one request, found "
            f"{n:,} samples and {tree.n_nodes:,} classes; send fewer, or run falcon metrics.",
            code="too_large",
        )


def _all_nodes(scores: list[list[float]], tree: Tree) -> NDArray[np.float64]:
    """Return (n, n_nodes) of scores of all nodes or of the leaves alone."""
    rows = as_table(scores)
    if not np.isfinite(rows).all():
        raise InputError("Expected scores that are finite, found NaN or infinity; mend them.")
    whole = rows.shape[1] != tree.n_leaves
    return rows if whole else np.asarray(bottom_up(rows, tree=tree), np.float64)


def _finite(figures: Figures) -> Figures:
    return {
        name: None if value is None or not math.isfinite(value) else float(value)
        for name, value in figures.items()
    }
