"""Hierarchy violation rates: how often predictions contradict the hierarchy. Lower is better.

The paper that names the measure (HCAL, arXiv 2508.13452) gives no formula that we could find, so
its three readings and a soft one are all here. They are 0 by construction for bottom-up and
product inference: they tell about models with independent heads only.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inputs import RowScores, chunks, columns, row_scores
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Unit = Literal["sample", "edge"]


def violation_error(
    predicted: ArrayLike | RowScores, *, tree: Tree, unit: Unit = "sample"
) -> float:
    """Return the violation rate of predicted sets of nodes, in [0, 1].

    A predicted node violates the hierarchy if one of its parents is not predicted; the root
    always is.

    Parameters
    ----------
    predicted
        (n, n_nodes) bool.
    tree
        The hierarchy; a class may have several parents.
    unit
        "sample": share of samples with a violation. "edge": violating pairs of child and parent
        over pairs with a predicted child; 0 where nothing is predicted.

    Returns
    -------
    float
        In [0, 1]; 0 where every predicted node's parents are predicted.

    Raises
    ------
    InputError
        A unit that is neither "sample" nor "edge", or another shape.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import violation_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> violation_error([[True, False, True, True, False]], tree=tree)
    1.0
    """
    if unit not in ("sample", "edge"):
        raise InputError(f"Expected the unit 'sample' or 'edge', found {unit!r}; take one.")
    child, parent = _inner_edges(tree)
    samples = pairs = wrong = 0
    for _, block in chunks(row_scores(predicted, tree)):
        child_on, parent_on = columns(block, child) > 0, columns(block, parent) > 0
        bad = child_on & ~parent_on
        samples += int(bad.any(axis=1).sum())
        wrong, pairs = wrong + int(bad.sum()), pairs + int(child_on.sum())
    if unit == "edge":
        return wrong / max(pairs, 1)
    return samples / max(row_scores(predicted, tree).shape[0], 1)


def soft_violation_error(
    scores: ArrayLike | RowScores, *, tree: Tree, tolerance: float = 1e-6
) -> float:
    """Return the share of (sample, edge) pairs whose child scores above its parent, in [0, 1].

    Parameters
    ----------
    scores
        (n, n_nodes), read in pieces. Edges from the root are left out.
    tree
        The hierarchy; a class may have several parents.
    tolerance
        How far above is still rounding, >= 0.

    Returns
    -------
    float
        In [0, 1]; 0 where no child scores above its parent.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import soft_violation_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> soft_violation_error([[1, 0.4, 0.6, 0.5, 0.1]], tree=tree)
    0.5
    """
    child, parent = _inner_edges(tree)
    rows, wrong = row_scores(scores, tree), 0
    for _, block in chunks(rows):
        wrong += int((columns(block, child) > columns(block, parent) + tolerance).sum())
    return wrong / max(rows.shape[0] * len(child), 1)


def _inner_edges(tree: Tree) -> tuple[IntArray, IntArray]:
    """Child and parent of every edge that does not hang on the root."""
    edges = tree.edges[tree.edges[:, 1] != 0]
    return edges[:, 0], edges[:, 1]


def level_violation_error(levels: ArrayLike, *, tree: Tree) -> float:
    """Return the share of samples whose predictions per level are no path, in [0, 1].

    Parameters
    ----------
    levels
        (n, height) node numbers, one for each level below the root, as `level_argmax` gives
        them; -1 where nothing is predicted any more.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    float
        In [0, 1]; 0 where every sample's predictions are a path.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import level_violation_error
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b", "z")])  # nodes: root, a, b, x, y, z
    >>> level_violation_error([[1, 3], [1, 5]], tree=tree)
    0.5
    """
    tree.require_tree("A prediction per level")
    nodes = _checked_levels(np.asarray(levels), tree)
    above, below = nodes[:, :-1], nodes[:, 1:]
    wrong = (below >= 0) & (tree.parents[np.maximum(below, 0)] != above)
    return float(wrong.any(axis=1).mean()) if len(nodes) else 0.0


def _checked_levels(nodes: NDArray[Any], tree: Tree) -> IntArray:
    fits = nodes.ndim == 2 and nodes.shape[1] == tree.height and nodes.dtype.kind in "iu"
    if not fits or (nodes.size and not -1 <= nodes.min() <= nodes.max() < tree.n_nodes):
        raise InputError(
            f"Expected (n, {tree.height}) node numbers below {tree.n_nodes}, one for each level "
            f"below the root, found shape {nodes.shape} of type {nodes.dtype}; level_argmax makes "
            f"them."
        )
    return nodes.astype(np.int64)
