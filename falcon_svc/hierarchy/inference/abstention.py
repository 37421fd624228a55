"""Silence below a confidence that a promised accuracy needs.

Source: selection with guaranteed risk (Geifman and El-Yaniv, NeurIPS 2017): a binary search over
the calibration confidences, each bound exact (Clopper and Pearson) and taken at a share of the
allowed failures, so that all of them hold at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.inputs import check_rows
from falcon_svc.types import BoolArray

ABSTAINED = -1


@dataclass(frozen=True)
class Abstention:
    """A threshold of confidence and what it promises.

    Parameters
    ----------
    threshold
        Predictions at least this confident are kept, in [0, 1] for probabilities; inf = none can
        be, with this promise.
    target
        Promised accuracy of the kept predictions, in (0, 1).
    confidence
        Probability in (0, 1), over calibration sets, that the promise holds.
    coverage
        Share of the calibration samples that are kept, in [0, 1].
    accuracy_bound
        Lower bound of the accuracy of what is kept; 1 where nothing is.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy.inference import Abstention
    >>> sure = np.linspace(0.0, 1.0, 400)
    >>> rule = Abstention.fit(sure > 0.2, sure, target=0.9)
    >>> rule.keeps([0.1, 0.9]).tolist()
    [False, True]
    """

    threshold: float
    target: float
    confidence: float
    coverage: float
    accuracy_bound: float

    @classmethod
    def fit(
        cls,
        correct: ArrayLike,
        confidences: ArrayLike,
        *,
        target: float = 0.9,
        confidence: float = 0.95,
    ) -> Abstention:
        """Return the lowest threshold found whose accuracy bound reaches the target.

        Parameters
        ----------
        correct
            (n,) bool, whether each calibration prediction is right.
        confidences
            (n,) scores of the predictions, such as the probability of the predicted node.
        target, confidence
            Accuracy to promise and probability that the promise holds, each in (0, 1).

        Returns
        -------
        Abstention
            The threshold, and what it promises.

        Raises
        ------
        ConfigError
            A target or confidence outside (0, 1).
        InputError
            Two shapes that differ, no sample, or a confidence that is NaN.
        """
        right, sure = np.asarray(correct, bool), np.asarray(confidences, np.float64)
        check_rows(len(right), len(sure))
        if np.isnan(sure).any():
            raise InputError("Expected confidences that are numbers, found NaN; leave them out.")
        for name, share in (("target", target), ("confidence", confidence)):
            if not 0 < share < 1:
                raise ConfigError(f"Expected {name} between 0 and 1, found {share}; choose one.")
        return _search(right, sure, target, confidence)

    def keeps(self, confidences: ArrayLike) -> BoolArray:
        """Return which predictions are confident enough.

        Parameters
        ----------
        confidences
            (n,) scores of the same kind as in `fit`.

        Returns
        -------
        NDArray[bool]
            (n,) True = kept.
        """
        return np.asarray(np.asarray(confidences) >= self.threshold)


def _search(right: BoolArray, sure: np.ndarray, target: float, confidence: float) -> Abstention:
    levels = np.unique(sure)[::-1]
    steps = max(1, int(np.ceil(np.log2(len(levels) + 1))))
    failure = (1 - confidence) / steps
    best = Abstention(np.inf, target, confidence, 0.0, 1.0)
    low, high = 0, len(levels) - 1
    while low <= high:
        middle = (low + high) // 2
        kept = sure >= levels[middle]
        bound = accuracy_lower_bound(int(right[kept].sum()), int(kept.sum()), failure)
        if bound >= target:
            best = Abstention(float(levels[middle]), target, confidence, float(kept.mean()), bound)
            low = middle + 1
        else:
            high = middle - 1
    return best


def accuracy_lower_bound(n_right: int, n: int, failure: float) -> float:
    """Return the exact lower bound of a share that holds with probability ``1 - failure``.

    Clopper and Pearson (1934): the `failure` quantile of Beta(n_right, n - n_right + 1).
    """
    from scipy import stats

    return 0.0 if n_right == 0 else float(stats.beta.ppf(failure, n_right, n - n_right + 1))
