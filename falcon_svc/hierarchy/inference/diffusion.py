r"""Diffusion of scores over the taxonomy: neighbours in the tree correct each other.

Source: the HCCF paper's inference. With the 0/1 adjacency W of parents and children, degrees D and
:math:`W_n = D^{-1/2} W D^{-1/2}`, scores spread as :math:`f_{t+1} = a W_n f_t + (1-a) f_0`, whose
limit is :math:`f^* = (1-a)(I - a W_n)^{-1} f_0`. On a tree that system is solved exactly by one
sweep from the leaves to the root and one back: O(nodes) per sample.

The paper gives neither a, nor whether f_0 are logits or probabilities, nor how levels are made
comparable. Here f_0 are probabilities, and each level keeps the mass that it had before (ours):
the normalisation by degrees favours nodes with many children otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.inputs import probability_chunks, row_scores
from falcon_svc.hierarchy.metrics.curves import average_precision_score
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Floats = NDArray[np.float64]
ROUNDING = 1e-9
ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Family(NamedTuple):
    """Nodes of one level sorted by parent, and where each parent's children begin."""

    nodes: IntArray
    parents: IntArray
    starts: IntArray


@dataclass(frozen=True, eq=False)
class Diffusion:
    """The limit of diffusion on one tree.

    Parameters
    ----------
    tree
        The hierarchy; one parent per class.
    alpha
        How much comes from neighbours, in [0, 1): 0 leaves scores as they are. The paper does
        not give it; `choose_alpha` takes it from held-out data.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import Diffusion
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> Diffusion(tree, alpha=0.5).apply([[1, 0.5, 0.5, 0.4, 0.1]]).round(2).tolist()
    [[1.0, 0.52, 0.48, 0.31, 0.19]]
    """

    tree: Tree
    alpha: float = 0.5

    def __post_init__(self) -> None:
        self.tree.require_tree("Diffusion by two sweeps")
        if not 0 <= self.alpha < 1:
            raise ConfigError(f"Expected alpha from 0 to below 1, found {self.alpha}; lower it.")

    def apply(self, scores: ArrayLike, *, keep_mass: bool = True) -> Floats:
        """Return diffused scores.

        Parameters
        ----------
        scores
            (n, n_nodes) probabilities, a head's for every level or summed up.
        keep_mass
            Scale each level to the sum it had before; False gives the bare limit, whose levels
            are not comparable.

        Returns
        -------
        NDArray
            (n, n_nodes) float64, not negative where `scores` are not.
        """
        parts = [np.zeros((0, self.tree.n_nodes))]
        for _, block in probability_chunks(row_scores(scores, self.tree)):
            spread = self.solve(block.T.astype(np.float64)).T
            parts.append(keep_level_mass(spread, block, self.tree) if keep_mass else spread)
        return np.concatenate(parts)

    def solve(self, scores: Floats) -> Floats:
        """Return the limit of diffusion, by two sweeps over the tree.

        Parameters
        ----------
        scores
            (n_nodes, n) numbers, a column per sample.

        Returns
        -------
        NDArray[float64]
            (n_nodes, n).
        """
        field = (1 - self.alpha) * scores
        for family in reversed(self._families):
            weight = self._edges[family.nodes] / self._pivots[family.nodes]
            share = weight[:, None] * field[family.nodes]
            field[family.parents[family.starts]] += np.add.reduceat(share, family.starts, axis=0)
        field[0] /= self._pivots[0]
        for family in self._families:
            above = self._edges[family.nodes, None] * field[family.parents]
            field[family.nodes] = (field[family.nodes] + above) / self._pivots[family.nodes, None]
        return field

    @cached_property
    def _families(self) -> list[Family]:
        """Levels below the root, top first."""
        families = []
        for level in self.tree.levels[1:]:
            nodes = level[np.argsort(self.tree.parents[level], kind="stable")]
            parents = self.tree.parents[nodes]
            families.append(Family(nodes, parents, np.flatnonzero(np.diff(parents, prepend=-1))))
        return families

    @cached_property
    def _edges(self) -> Floats:
        """(n_nodes,) a times the entry of W_n between each node and its parent; 0 at the root."""
        degrees = np.diff(self.tree.children.starts) + (self.tree.parents >= 0)
        degrees = np.maximum(degrees, 1)
        edges: Floats = self.alpha / np.sqrt(degrees * degrees[np.maximum(self.tree.parents, 0)])
        edges[0] = 0.0
        return edges

    @cached_property
    def _pivots(self) -> Floats:
        """(n_nodes,) diagonal of I - a W_n after eliminating all nodes below."""
        pivots = np.ones(self.tree.n_nodes)
        for nodes, parents, starts in reversed(self._families):
            taken = self._edges[nodes] ** 2 / pivots[nodes]
            pivots[parents[starts]] -= np.add.reduceat(taken, starts)
        return pivots


def keep_level_mass(spread: Floats, before: ArrayLike, tree: Tree) -> Floats:
    """Scale each level of (n, n_nodes) `spread` to the sum that it has in `before`."""
    scaled, start = spread.copy(), np.asarray(before, np.float64)
    for level in tree.levels:
        total = spread[:, level].sum(axis=1, keepdims=True)
        wanted = start[:, level].sum(axis=1, keepdims=True)
        scaled[:, level] *= np.where(total > 0, wanted / np.where(total > 0, total, 1.0), 1.0)
    return scaled


def choose_alpha(
    y_true: ArrayLike, scores: ArrayLike, *, tree: Tree, alphas: Sequence[float] = ALPHAS
) -> float:
    """Return the alpha of the best average precision; of equal ones the smallest.

    Parameters
    ----------
    y_true, scores
        Held-out labels and (n, n_nodes) probabilities: not those that trained the classifier.
    tree
        The hierarchy; one parent per class.
    alphas
        What to try, and 0 (no diffusion) always.

    Returns
    -------
    float
        In [0, 1).

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import choose_alpha
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> choose_alpha([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree, alphas=(0.3, 0.6))
    0.0
    """
    tried = sorted({0.0, *alphas})
    found = [
        average_precision_score(y_true, Diffusion(tree, alpha).apply(scores), tree=tree)
        for alpha in tried
    ]
    return tried[int(np.argmax(np.array(found) >= max(found) - ROUNDING))]
