"""From scores of all nodes to one node per sample: leaf, majority, plurality, threshold, levels.

Source: Valmadre, Hierarchical classification at multiple operating points (NeurIPS 2022), and its
code jvlmdr/hiercls. Nodes with a single child hold what their child holds and are never chosen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.hierarchy.climb import best_leaf
from falcon_svc.hierarchy.inputs import RowScores, Scores, chunks, columns, row_scores
from falcon_svc.hierarchy.specificity import best_nodes, specificity_groups
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray


def leaf_prediction(scores: ArrayLike | RowScores, *, tree: Tree) -> IntArray:
    """Return the best scored leaf; of equal scores the first.

    Parameters
    ----------
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy.

    Returns
    -------
    NDArray[int64]
        (n,) node numbers.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import leaf_prediction
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> leaf_prediction([[1, 0.9, 0.1, 0.8, 0.1]], tree=tree).tolist()
    [3]
    """
    return _by_chunk(scores, tree, lambda block: best_leaf(block, tree))


def threshold_prediction(
    scores: ArrayLike | RowScores, *, tree: Tree, threshold: float
) -> IntArray:
    """Return the most specific node that scores above a threshold, the root if none does.

    Of equally specific nodes the best scored is taken.

    Parameters
    ----------
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy.
    threshold
        Least score, in units of the scores: in [0, 1] for probabilities.

    Returns
    -------
    NDArray[int64]
        (n,) node numbers.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import threshold_prediction
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> threshold_prediction([[1, 0.9, 0.1, 0.6, 0.3]], tree=tree, threshold=0.7).tolist()
    [1]
    """
    groups = specificity_groups(tree)
    return _by_chunk(scores, tree, lambda block: best_nodes(block, groups).above(threshold))


def majority_prediction(scores: ArrayLike | RowScores, *, tree: Tree) -> IntArray:
    """Return the most specific node of a probability above one half; else the root.

    With probabilities that add up there is one such line only.

    Parameters
    ----------
    scores
        (n, n_nodes) probabilities, read in pieces.
    tree
        The hierarchy.

    Returns
    -------
    NDArray[int64]
        (n,) node numbers.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import majority_prediction
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> majority_prediction([[1, 0.9, 0.1, 0.45, 0.45]], tree=tree).tolist()
    [1]
    """
    return threshold_prediction(scores, tree=tree, threshold=0.5)


def plurality_prediction(scores: ArrayLike | RowScores, *, tree: Tree) -> IntArray:
    """Return the most specific node that beats the runner-up of every family of siblings.

    The threshold of a sample is the largest second-best score among siblings.

    Parameters
    ----------
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy; one parent per class.

    Returns
    -------
    NDArray[int64]
        (n,) node numbers.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import plurality_prediction
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> plurality_prediction([[1, 0.6, 0.4, 0.35, 0.25]], tree=tree).tolist()
    [1]
    """
    tree.require_tree("The runner-up among siblings")
    groups = specificity_groups(tree)
    families = [tree.children.of(node) for node in range(tree.n_nodes)]
    several = [family for family in families if len(family) > 1]

    def chosen(block: Scores) -> IntArray:
        runner_up = np.full(len(block), -np.inf)
        for family in several:
            second = np.partition(columns(block, family), -2, axis=1)[:, -2]
            np.maximum(runner_up, second, out=runner_up)
        return best_nodes(block, groups).above(runner_up)

    return _by_chunk(scores, tree, chosen)


def level_argmax(scores: ArrayLike | RowScores, *, tree: Tree) -> IntArray:
    """Return the best scored node of each level below the root.

    What heads of separate levels would each say; `level_violation_error` tells how often that is no
    path.

    Parameters
    ----------
    scores
        (n, n_nodes), read in pieces.
    tree
        The hierarchy.

    Returns
    -------
    NDArray[int64]
        (n, height) node numbers, of depth 1 first.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import level_argmax
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> level_argmax([[1, 0.9, 0.1, 0.3, 0.6]], tree=tree).tolist()
    [[1, 4]]
    """

    def chosen(block: Scores) -> IntArray:
        best = [nodes[columns(block, nodes).argmax(axis=1)] for nodes in tree.levels[1:]]
        return np.stack(best, axis=1) if best else np.zeros((len(block), 0), np.int64)

    return _by_chunk(scores, tree, chosen)


def _by_chunk(
    scores: ArrayLike | RowScores, tree: Tree, rule: Callable[[Scores], IntArray]
) -> IntArray:
    rows = row_scores(scores, tree)
    parts = [rule(block) for _, block in chunks(rows)]
    return np.concatenate(parts) if parts else rule(np.zeros((0, tree.n_nodes)))
