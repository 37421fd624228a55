"""Paired differences over folds, with an interval that knows that folds share training rows.

Source: Nadeau and Bengio, "Inference for the generalization error" (Machine Learning 52, 2003):
the variance of the mean over J folds is taken as (1/J + n_test / n_train) times that of a fold.
The plain 1/J would be too sure, because training sets overlap. Where hardly a row is told otherwise
by the two heads, folds hardly differ and would be sure of anything: no interval is narrower than
what so many rows can tell (the "rule of three", Hanley and Lippman-Hand, JAMA 249, 1983).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

CONFIDENCE = 0.95
"""Of an interval; of all intervals together where the best of several is taken (Bonferroni)."""


@dataclass(frozen=True)
class Difference:
    """A mean difference of accuracies, fine-trained minus coarse-trained, in [-1, 1].

    Parameters
    ----------
    mean
        Mean over the folds, in [-1, 1].
    low, high
        Ends of the 95 % interval, in [-1, 1].

    Examples
    --------
    >>> from falcon_svc.hierarchy.advice import Difference
    >>> Difference(mean=0.04, low=0.01, high=0.07).low > 0
    True
    """

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's length."""
        return (self.high - self.low) / 2


def paired_difference(
    values: ArrayLike, *, test_per_train: float, n_rows: int, n_tried: int = 1
) -> Difference:
    r"""Return mean and interval of differences that were measured on J folds.

    .. math:: \bar d \pm \max\left(t_{J-1}\, s \sqrt{1/J + n_{test} / n_{train}},\;
        \frac{-\ln 0.05}{n_{rows}}\right)

    The second is the largest share of rows that may differ where none of n_rows did.

    Parameters
    ----------
    values
        (J,) differences, at least 2; NaN where a fold says nothing.
    test_per_train
        Test rows over training rows of a fold.
    n_rows
        Rows that were judged, in all folds together, >= 1.
    n_tried
        Kinds of labels among which the best will be taken: each interval is as much wider.

    Returns
    -------
    Difference
        Clipped to [-1, 1]; (-1, 1) where fewer than two folds say something.
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    n = len(known)
    if n < 2:
        return Difference(float(known.mean()) if n else 0.0, -1.0, 1.0)
    mean, spread = float(known.mean()), float(known.std(ddof=1))
    factor = float(stats.t.isf((1 - CONFIDENCE) / (2 * n_tried), n - 1))
    half = factor * spread * float(np.sqrt(1 / n + test_per_train))
    half = max(half, -float(np.log((1 - CONFIDENCE) / n_tried)) / n_rows)
    return Difference(mean, max(-1.0, mean - half), min(1.0, mean + half))
