"""From the scores of some nodes to probabilities of all: sums, products and ensembles.

Sources: Valmadre (NeurIPS 2022) for sums up and products down; Jain et al., Test-time amendment
with a coarse classifier (2023; code kanji95/Hierarchical-Ensembles) for the product of two levels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inputs import (
    Scores,
    as_floats,
    check_probabilities,
    probability_chunks,
    row_scores,
)
from falcon_svc.hierarchy.tree import Tree


def bottom_up(leaf_scores: ArrayLike, *, tree: Tree) -> Scores:
    r"""Return all nodes' probabilities: :math:`p(v) = \sum_{l\ \mathrm{leaf\ below}\ v} p(l)`.

    Parameters
    ----------
    leaf_scores
        (n, n_leaves) probabilities in the order of `tree.leaves`.
    tree
        The hierarchy; a class may have several parents, each leaf then counts once for a node.

    Returns
    -------
    NDArray
        (n, n_nodes) float32 where `leaf_scores` are at most that fine, else float64; no child
        scores above its parent but by rounding.

    Raises
    ------
    InputError
        Another number of columns than the tree has leaves, or scores that are no probabilities.

    Examples
    --------
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # leaves: b, x, y
    >>> bottom_up([[0.25, 0.5, 0.25]], tree=tree).tolist()
    [[1.0, 0.75, 0.25, 0.5, 0.25]]
    """
    values = as_floats(leaf_scores)
    if values.ndim != 2 or values.shape[1] != tree.n_leaves:
        raise InputError(
            f"Expected scores of shape (n, {tree.n_leaves}), a column for every leaf, found "
            f"{values.shape}; sort the columns as Tree.leaves."
        )
    check_probabilities(values)
    below = tree.ancestors_sparse[tree.leaves].astype(values.dtype)
    return np.asarray((below.T @ values.T).T)


def top_down(conditional: ArrayLike, *, tree: Tree) -> Scores:
    r"""Return all nodes' probabilities: :math:`p(v) = p(v \mid \mathrm{parent})\, p(parent)`.

    Parameters
    ----------
    conditional
        (n, n_nodes) probabilities of each node given its parent; the root's column is not read,
        its probability is 1.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    NDArray[float]
        (n, n_nodes) in [0, 1].

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import top_down
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> top_down([[1, 0.75, 0.25, 0.5, 0.5]], tree=tree).tolist()
    [[1.0, 0.75, 0.25, 0.375, 0.375]]
    """
    tree.require_tree("Products from the root down")
    product = _copy(conditional, tree)
    product[:, 0] = 1.0
    for level in tree.levels[1:]:
        product[:, level] *= product[:, tree.parents[level]]
    return product


def hierarchical_ensemble(scores: ArrayLike, *, tree: Tree) -> Scores:
    r"""Return leaf probabilities weighed by their parents', then summed up.

    .. math:: p'(l) \propto p(l)\, p(\mathrm{parent}(l))

    where leaves and parents were scored by heads of their own. A leaf below the root keeps its
    score. Where all products are 0 the leaves' own scores stand.

    Parameters
    ----------
    scores
        (n, n_nodes) probabilities that need not fit together.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    NDArray[float]
        (n, n_nodes); leaves sum to 1, every node is the sum of its leaves.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import hierarchical_ensemble
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> hierarchical_ensemble([[1, 0.5, 0.5, 0.5, 0.5]], tree=tree).round(2).tolist()
    [[1.0, 0.5, 0.5, 0.25, 0.25]]
    """
    tree.require_tree("The product of two levels")
    values = _copy(scores, tree)
    values[:, 0] = 1.0
    own = values[:, tree.leaves]
    product = own * values[:, np.maximum(tree.parents[tree.leaves], 0)]
    product = np.where(product.sum(axis=1, keepdims=True) > 0, product, own)
    total = product.sum(axis=1, keepdims=True)
    return bottom_up(product / np.where(total == 0, 1, total), tree=tree)


def _copy(scores: ArrayLike, tree: Tree) -> NDArray[np.floating[Any]]:
    """Return probabilities, checked, as an array of their own."""
    blocks = [block for _, block in probability_chunks(row_scores(scores, tree))]
    return np.concatenate(blocks) if blocks else np.zeros((0, tree.n_nodes))
