"""Climbing with a promised accuracy: as deep as it is sure, as sure as was asked.

Source: hierarchical selective classification (arXiv 2405.11533), sections 3 and 4: from the best
leaf up to the first node above a threshold, which a calibration set gives. Its quantile keeps the
accuracy on average over calibration sets. The promise for this one calibration set is the
tolerance bound of order statistics (Vovk, 2012; ours in this place): the accuracy after taking the
k-th of n needed thresholds is at least Beta(k, n + 1 - k) distributed.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.climb import climb, needed_threshold
from falcon_svc.hierarchy.inputs import RowScores, as_nodes, check_rows, chunks, row_scores
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

ROUNDING = 1e-9


@dataclass(frozen=True)
class Climbing:
    """A threshold and what it promises.

    Parameters
    ----------
    tree
        The hierarchy; one parent per class.
    threshold
        Nodes that score above it are sure enough, in [0, 1] for probabilities; inf = always the
        root, where the calibration set is too small or too wrong for the promise.
    target
        Promised share of predictions on one line with their label, in (0, 1).
    confidence
        Probability in (0, 1), over calibration sets, that the promise holds; None: on average.
    n_calibration
        Samples that the threshold comes from, >= 1.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import Climbing
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> rule = Climbing(tree, threshold=0.7, target=0.9, confidence=None, n_calibration=100)
    >>> rule.predict([[1, 0.9, 0.1, 0.5, 0.4], [1, 0.9, 0.1, 0.8, 0.1]]).tolist()
    [1, 3]
    """

    tree: Tree
    threshold: float
    target: float
    confidence: float | None
    n_calibration: int

    @classmethod
    def fit(
        cls,
        y_true: ArrayLike,
        scores: ArrayLike | RowScores,
        *,
        tree: Tree,
        target: float = 0.9,
        confidence: float | None = 0.99,
        n_future: int | None = None,
    ) -> Climbing:
        r"""Return the lowest threshold that keeps the promise for samples like these.

        The threshold is the k-th smallest of the samples' needed thresholds, with the smallest k
        such that :math:`P(\mathrm{Beta}(k, n + 1 - k) \ge target) \ge confidence`.

        Parameters
        ----------
        y_true
            (n,) node numbers, or (n, levels) names, exchangeable with the samples to come and
            not used in training.
        scores
            (n, n_nodes), read in pieces.
        tree
            The hierarchy; one parent per class.
        target
            Accuracy in (0, 1): share of predictions on one line with their label.
        confidence
            In (0, 1), probability of the promise over calibration sets: of 100 users with 0.99,
            about one gets less than the target. None takes
            :math:`k = \lceil (n + 1)\, target \rceil`, as the paper does: on average only.
        n_future
            Promise the accuracy counted on this many samples to come, >= 1 (beta-binomial); None
            promises the accuracy in the long run.
        """
        tree.require_tree("Climbing")
        rows, true = row_scores(scores, tree), as_nodes(y_true, tree)
        check_rows(len(true), rows.shape[0])
        needed = [needed_threshold(block, true[where], tree) for where, block in chunks(rows)]
        rank = promised_rank(len(true), target, confidence, n_future)
        ordered = np.append(np.sort(np.concatenate(needed)), np.inf)
        threshold = float(ordered[min(rank, len(ordered)) - 1])
        return cls(tree, threshold, target, confidence, len(true))

    def predict(self, scores: ArrayLike | RowScores) -> IntArray:
        """Return a node for each row: the best leaf, or the first above it that is sure enough.

        Parameters
        ----------
        scores
            (n, n_nodes) as in `fit`, read in pieces.

        Returns
        -------
        NDArray[int64]
            (n,) node numbers.
        """
        parts = [
            climb(block, self.tree, self.threshold)
            for _, block in chunks(row_scores(scores, self.tree))
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])


def promised_rank(
    n: int, target: float, confidence: float | None, n_future: int | None = None
) -> int:
    """Return which of n ordered calibration scores keeps the promise; n + 1 if none does.

    Parameters as in `Climbing.fit`.
    """
    for name, share in (("target", target), ("confidence", confidence)):
        if share is not None and not 0 < share < 1:
            raise ConfigError(f"Expected {name} between 0 and 1, found {share}; choose one inside.")
    if confidence is None:
        return int(np.ceil((n + 1) * target - ROUNDING))
    return 1 + bisect_left(
        range(1, n + 1), confidence, key=lambda rank: _kept(rank, n, target, n_future)
    )


def _kept(rank: int, n: int, target: float, n_future: int | None) -> float:
    """Return the probability that a rank keeps the target; it rises with the rank."""
    from scipy import stats

    if n_future is None:
        return float(stats.beta.sf(target, rank, n + 1 - rank))
    least = np.ceil(n_future * target - ROUNDING)
    return float(stats.betabinom.sf(least - 1, n_future, rank, n + 1 - rank))
