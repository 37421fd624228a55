r"""One temperature per level, so that probabilities mean what they say at every depth.

Source: temperature scaling (Guo et al., ICML 2017), here per level (ours): level d is the cut of
the tree at depth d, its nodes and the leaves above, whose probabilities add up to 1. On it
:math:`p'(v) \propto p(v)^{1/T_d}`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.hierarchy.inputs import as_nodes, check_rows, probability_chunks, row_scores
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Floats = NDArray[np.float64]
FLOOR = 1e-12
RANGE = (-4.0, 4.0)  # of log T


@dataclass(frozen=True, eq=False)
class LevelTemperatures:
    """Temperatures of the levels below the root.

    Parameters
    ----------
    tree
        The hierarchy; one parent per class.
    values
        (height,) positive, of depth 1 first: above 1 where the classifier was too sure.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import LevelTemperatures
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> less_sure = LevelTemperatures(tree, np.array([2.0, 2.0]))
    >>> less_sure.apply([[1, 0.9, 0.1, 0.8, 0.1]]).round(2).tolist()
    [[1.0, 0.75, 0.25, 0.59, 0.21]]
    """

    tree: Tree
    values: Floats

    @classmethod
    def fit(cls, y_true: ArrayLike, scores: ArrayLike, *, tree: Tree) -> LevelTemperatures:
        """Return the temperatures of the smallest log loss on held-out samples, level by level.

        Parameters
        ----------
        y_true
            (n,) node numbers, or (n, levels) names. A level below a sample's label leaves it out;
            a level that no label reaches keeps 1.
        scores
            (n, n_nodes) probabilities of samples that did not train the classifier.
        tree
            The hierarchy; one parent per class.
        """
        tree.require_tree("A temperature per level")
        true, rows = as_nodes(y_true, tree), row_scores(scores, tree)
        check_rows(len(true), rows.shape[0])
        logs = np.concatenate([_logs(block) for _, block in probability_chunks(rows)])
        cuts = [level_cut(tree, depth) for depth in range(1, tree.height + 1)]
        return cls(tree, np.array([_temperature(logs, true, tree, cut) for cut in cuts]))

    def apply(self, scores: ArrayLike) -> Floats:
        """Return recalibrated probabilities.

        Those of each cut add up to 1, the root's is 1. A leaf above the deepest level keeps what
        its own level gives it.

        Parameters
        ----------
        scores
            (n, n_nodes) probabilities.

        Returns
        -------
        NDArray[float64]
            (n, n_nodes) in [0, 1].
        """
        parts = [np.zeros((0, self.tree.n_nodes))]
        for _, block in probability_chunks(row_scores(scores, self.tree)):
            logs = _logs(block)
            scaled = np.ones_like(logs)
            for depth, value in enumerate(self.values, 1):
                cut = level_cut(self.tree, depth)
                here = self.tree.depths[cut] == depth
                scaled[:, cut[here]] = np.exp(_log_softmax(logs[:, cut] / value))[:, here]
            parts.append(scaled)
        return np.concatenate(parts)


def level_cut(tree: Tree, depth: int) -> IntArray:
    """Return the nodes at `depth` and the leaves above it, ascending: every leaf below one."""
    return np.flatnonzero((tree.depths == depth) | (tree.is_leaf & (tree.depths < depth)))


def _temperature(logs: Floats, true: IntArray, tree: Tree, cut: IntArray) -> float:
    """Return the T of the least log loss on one cut."""
    from scipy.optimize import minimize_scalar

    place = np.full(tree.n_nodes, -1)
    place[cut] = np.arange(len(cut))
    line = tree.ancestor_at[true]
    column = np.where(line >= 0, place[line], -1).max(axis=1)
    known = np.flatnonzero(column >= 0)
    if not known.size or len(cut) < 2:
        return 1.0

    def loss(log_t: float) -> float:
        p = _log_softmax(logs[np.ix_(known, cut)] / np.exp(log_t))
        return -float(p[np.arange(len(known)), column[known]].mean())

    return float(np.exp(minimize_scalar(loss, bounds=RANGE, method="bounded").x))


def _logs(block: ArrayLike) -> Floats:
    return np.log(np.maximum(np.asarray(block, np.float64), FLOOR))


def _log_softmax(logs: Floats) -> Floats:
    shifted = logs - logs.max(axis=1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normal
