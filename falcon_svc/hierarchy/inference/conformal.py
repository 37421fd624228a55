r"""Sets of nodes that hold the label with a promised probability.

Sources: hierarchical conformal classification (den Hengst et al., arXiv 2508.13288) and conformal
prediction with constrained representation complexity (Mortier et al., arXiv 2501.19038). Their
formulas could not be read; this is a stated formulation of both ideas: split conformal prediction
gives a set of leaves with the promised coverage, and the smallest union of at most r nodes that
holds the set replaces it, found exactly on the tree. A superset covers at least as often, so the
promise stays. ``max_nodes=1`` gives single nodes; ``None`` the set of leaves itself, written with
as few nodes as it takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.inference.covers import exact_nodes, smallest_cover
from falcon_svc.hierarchy.inputs import (
    RowScores,
    Scores,
    as_nodes,
    check_rows,
    chunks,
    columns,
    row_scores,
)
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, IntArray

Conformity = Literal["probability", "cumulative"]
ROUNDING = 1e-9


@dataclass(frozen=True)
class ConformalSets:
    """A conformal threshold, and how many nodes a set may have.

    Parameters
    ----------
    tree
        The hierarchy; one parent per class.
    conformity
        How leaves are ranked; see `fit`.
    threshold
        Leaves that conform at least this much are in the set, in [-1, 1]; -inf = all leaves, where
        the calibration set is too small for the promise.
    coverage
        Promised probability in (0, 1) that a set holds the label, over calibration and test
        samples.
    max_nodes
        The most nodes of a set, r >= 1; None = as many as it takes.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import ConformalSets
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> sets = ConformalSets(tree, "probability", threshold=0.3, coverage=0.9, max_nodes=1)
    >>> [nodes.tolist() for nodes in sets.predict([[1, 0.9, 0.1, 0.5, 0.4]])]
    [[1]]
    """

    tree: Tree
    conformity: Conformity
    threshold: float
    coverage: float
    max_nodes: int | None

    @classmethod
    def fit(
        cls,
        y_true: ArrayLike,
        scores: ArrayLike | RowScores,
        *,
        tree: Tree,
        coverage: float = 0.9,
        max_nodes: int | None = 1,
        conformity: Conformity = "probability",
    ) -> ConformalSets:
        r"""Return sets that hold the label as often as promised.

        The threshold is the :math:`\lfloor (n+1)(1-coverage) \rfloor`-th lowest conformity of the
        calibration labels.

        Parameters
        ----------
        y_true
            (n,) leaves as node numbers or (n, levels) names, exchangeable with what comes.
        scores
            (n, n_nodes) probabilities, read in pieces.
        tree
            The hierarchy; one parent per class.
        coverage
            In (0, 1).
        max_nodes
            At least 1, or None.
        conformity
            "probability": that of the leaf; the smallest sets on average. "cumulative": minus
            the probability of all leaves up to it, best first; sets grow for hard samples.

        Returns
        -------
        ConformalSets
            The threshold, and what it promises.

        Raises
        ------
        InputError
            A label that is no leaf.
        """
        tree.require_tree("A conformal set of nodes")
        _check_settings(coverage, max_nodes, conformity)
        rows, true = row_scores(scores, tree), as_nodes(y_true, tree)
        check_rows(len(true), rows.shape[0])
        column = _leaf_columns(true, tree)
        found = []
        for where, block in chunks(rows):
            every = _conformity(columns(block, tree.leaves), conformity)
            found.append(every[np.arange(len(block)), column[where]])
        rank = int(np.floor((len(true) + 1) * (1 - coverage) + ROUNDING))
        ordered = np.sort(np.concatenate(found))
        threshold = float(ordered[rank - 1]) if rank else -np.inf
        return cls(tree, conformity, threshold, coverage, max_nodes)

    def predict(self, scores: ArrayLike | RowScores) -> list[IntArray]:
        """Return each sample's nodes, ascending, none below another.

        The best leaf is always in the set, so that no set is empty.

        Parameters
        ----------
        scores
            (n, n_nodes) probabilities, read in pieces.

        Returns
        -------
        list of NDArray[int64]
            Node numbers of each sample's set, ascending.
        """
        sets: list[IntArray] = []
        for _, block in chunks(row_scores(scores, self.tree)):
            leaves = columns(block, self.tree.leaves)
            inside = _conformity(leaves, self.conformity) >= self.threshold
            inside[np.arange(len(leaves)), leaves.argmax(axis=1)] = True
            sets += [self._nodes(row) for row in inside]
        return sets

    def _nodes(self, inside: BoolArray) -> IntArray:
        if self.max_nodes is None:
            return exact_nodes(inside, self.tree)
        return smallest_cover(self.tree.leaves[inside], self.tree, self.max_nodes)


def _check_settings(coverage: float, max_nodes: int | None, conformity: str) -> None:
    if not 0 < coverage < 1:
        raise ConfigError(f"Expected coverage between 0 and 1, found {coverage}; choose one.")
    if max_nodes is not None and max_nodes < 1:
        raise ConfigError(f"Expected max_nodes of 1 or more, or None, found {max_nodes}; raise it.")
    if conformity not in ("probability", "cumulative"):
        raise ConfigError(
            f"Expected the conformity 'probability' or 'cumulative', found {conformity!r}; "
            f"choose one of them."
        )


def _leaf_columns(true: IntArray, tree: Tree) -> IntArray:
    """Return each label's place among the leaves."""
    inner = ~tree.is_leaf[true]
    if inner.any():
        raise InputError(
            f"Expected leaves as calibration labels, found an inner class at row "
            f"{int(inner.argmax())}; leave samples out that are labelled less finely."
        )
    return np.searchsorted(tree.leaves, true).astype(np.int64)


def _conformity(leaves: Scores, kind: Conformity) -> NDArray[np.float64]:
    """(n, n_leaves), higher for what fits better."""
    values = leaves.astype(np.float64)
    if kind == "probability":
        return values
    order = np.argsort(-values, axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(values, order, axis=1), axis=1)
    conformity = np.empty_like(values)
    np.put_along_axis(conformity, order, -total, axis=1)
    return conformity


def set_coverage_score(y_true: ArrayLike, sets: list[IntArray], *, tree: Tree) -> float:
    """Return the share of samples with a node at or above their label in the set.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    sets
        Node numbers (m,) of each sample, from `ConformalSets.predict`.
    tree
        The hierarchy.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import set_coverage_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> set_coverage_score([("a", "x"), ("b", "")], [np.array([1]), np.array([3])], tree=tree)
    0.5
    """
    true = as_nodes(y_true, tree)
    check_rows(len(true), len(sets))
    both = zip(true.tolist(), sets, strict=True)
    return float(np.mean([np.isin(tree.path(label), nodes).any() for label, nodes in both]))
