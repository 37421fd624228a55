"""How well discovered classes agree with true ones; the names of the classes never count.

Place: evaluation only; nothing that trains or selects may import this package.
Source: accuracy by one Hungarian match over all fine classes, ARI and macro accuracy as in
FALCON (ICML 2024, tables 2 and H2). All arguments are truth before prediction, and a `_score`
is better when it is higher.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.types import IntArray

UNMATCHED = -1


@dataclass(frozen=True)
class Matching:
    """The one-to-one match of predicted to true classes that covers most samples.

    Parameters
    ----------
    true_classes, pred_classes
        (T,), (P,) the class ids that occur, ascending.
    counts
        (T, P) int64: samples in true class t and predicted class p.
    pred_of_true
        (T,) position in `pred_classes` of each true class's match; -1 where it has none, or
        only one with which it shares no sample.

    Examples
    --------
    >>> from falcon_svc.metrics import match_classes
    >>> found = match_classes([0, 0, 0, 1, 1], [7, 7, 4, 4, 4])
    >>> found.pred_classes[found.pred_of_true].tolist()
    [7, 4]
    """

    true_classes: IntArray
    pred_classes: IntArray
    counts: IntArray
    pred_of_true: IntArray

    @property
    def matched_counts(self) -> IntArray:
        """(T,) samples that each true class shares with its match."""
        shared = self.counts[np.arange(len(self.counts)), self.pred_of_true]
        return np.where(self.pred_of_true == UNMATCHED, 0, shared)


def match_classes(true: ArrayLike, pred: ArrayLike) -> Matching:
    r"""Match classes one to one so that the matched samples are most.

    .. math:: \max_\pi \sum_t n_{t, \pi(t)}

    over all one-to-one maps of true to predicted classes (rectangular tables allowed), by
    `scipy.optimize.linear_sum_assignment`.

    Parameters
    ----------
    true, pred
        (N,) integers, any values.

    Returns
    -------
    Matching
        The table of counts, and each true class's match.

    Raises
    ------
    InputError
        No samples, or not two equally long rows of integers.

    Examples
    --------
    >>> from falcon_svc.metrics import match_classes
    >>> match_classes([0, 0, 0, 1, 1], [7, 7, 4, 4, 4]).counts.tolist()
    [[1, 2], [2, 0]]
    """
    from scipy.optimize import linear_sum_assignment

    true_classes, pred_classes, counts = contingency(true, pred)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    pred_of_true = np.full(len(true_classes), UNMATCHED, np.int64)
    pred_of_true[rows] = np.where(counts[rows, columns] > 0, columns, UNMATCHED)
    return Matching(true_classes, pred_classes, counts, pred_of_true)


def contingency(true: ArrayLike, pred: ArrayLike) -> tuple[IntArray, IntArray, IntArray]:
    """Return the true ids (T,), the predicted ids (P,) and the (T, P) counts of samples."""
    true, pred = check_labels(true, pred)
    true_classes, rows = np.unique(true, return_inverse=True)
    pred_classes, columns = np.unique(pred, return_inverse=True)
    shape = len(true_classes), len(pred_classes)
    cells = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return true_classes, pred_classes, cells.reshape(shape).astype(np.int64)


def accuracy_score(true: ArrayLike, pred: ArrayLike) -> float:
    r"""Clustering accuracy: share of samples in the class matched to their true class.

    .. math:: \mathrm{ACC} = \frac{1}{N} \max_\pi \sum_t n_{t, \pi(t)}

    One Hungarian match over all fine classes. In (0, 1]: 1 when the classes are the same sets
    of samples; the lowest value for T true classes and one predicted class is the largest true
    class's share. Surplus classes on either side stay unmatched and count as wrong.

    Parameters
    ----------
    true, pred
        (N,) integers, any values.

    Returns
    -------
    float
        In (0, 1].

    Examples
    --------
    >>> from falcon_svc.metrics import accuracy_score
    >>> accuracy_score([0, 0, 0, 1, 1], [7, 7, 4, 4, 4])
    0.8
    """
    matching = match_classes(true, pred)
    return float(matching.matched_counts.sum() / matching.counts.sum())


def macro_accuracy_score(true: ArrayLike, pred: ArrayLike) -> float:
    r"""Mean over true classes of the share of the class that its match holds.

    .. math:: \frac{1}{T} \sum_t n_{t, \pi(t)} / n_t

    with the match of `accuracy_score`, so that small classes weigh as much as large ones (the
    macro accuracy of FALCON, ICML 2024, table H2). The match still covers most samples, not most
    classes: a method may be ahead by one figure and behind by the other, and equals
    `accuracy_score` where all true classes are of one size.

    Parameters
    ----------
    true, pred
        (N,) integers, any values.

    Returns
    -------
    float
        In (0, 1]: 1 when the classes are the same sets; a true class without a match counts 0.

    Raises
    ------
    InputError
        No samples, or not two equally long rows of integers.

    Examples
    --------
    Eight samples of one class with six matched, two of another with one matched:

    >>> macro_accuracy_score([0] * 8 + [1] * 2, [0] * 6 + [1] * 2 + [1, 0])
    0.625
    """
    return macro_accuracy(match_classes(true, pred))


def macro_accuracy(matching: Matching) -> float:
    """`macro_accuracy_score` of a match that is already there."""
    return float(np.mean(matching.matched_counts / matching.counts.sum(axis=1)))


def adjusted_rand_score(true: ArrayLike, pred: ArrayLike) -> float:
    """Rand index of sample pairs, corrected for chance.

    In [-0.5, 1]: 1 for the same sets, 0 expected for random classes of these sizes, below 0
    for less agreement than chance (Hubert and Arabie 1985; computed by scikit-learn).

    Parameters
    ----------
    true, pred
        (N,) integers, any values.

    Returns
    -------
    float
        In [-0.5, 1].

    Examples
    --------
    >>> from falcon_svc.metrics import adjusted_rand_score
    >>> adjusted_rand_score([0, 0, 1, 1], [5, 5, 3, 3])
    1.0
    """
    from sklearn.metrics import adjusted_rand_score as score

    return float(score(*check_labels(true, pred)))


def normalized_mutual_info_score(true: ArrayLike, pred: ArrayLike) -> float:
    r"""Mutual information of the two labellings over the mean of their entropies.

    .. math:: \mathrm{NMI} = 2 I(t; p) / (H(t) + H(p))

    In [0, 1]: 1 for the same sets, 0 for independent labellings. Not corrected for chance: it
    grows with the number of classes (computed by scikit-learn).

    Parameters
    ----------
    true, pred
        (N,) integers, any values.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from falcon_svc.metrics import normalized_mutual_info_score
    >>> round(normalized_mutual_info_score([0, 0, 1, 1], [5, 5, 3, 3]), 6)
    1.0
    """
    from sklearn.metrics import normalized_mutual_info_score as score

    return float(score(*check_labels(true, pred)))


def coarse_accuracy_score(coarse: ArrayLike, pred: ArrayLike, relation: ArrayLike) -> float:
    r"""Share of labelled samples whose predicted fine class hangs on their coarse label.

    .. math:: \frac{1}{|\{i: c_i \ge 0\}|} \sum_{i: c_i \ge 0} M_{p_i, c_i}

    In [0, 1]: 1 when every sample's path ends in its own coarse class. Assignments that were
    read off the children of the coarse label score 1 by construction: give the unmasked ones.

    Parameters
    ----------
    coarse
        (N,) integers in ``{-1, 0, .., C-1}``; -1 = not labelled, left out.
    pred
        (N,) fine class ids in ``[0, F)``.
    relation
        (F, C) bool, each row with exactly one True.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InputError
        Shapes that do not fit, or no sample with a coarse label.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.metrics import coarse_accuracy_score
    >>> relation = np.array([[True, False], [True, False], [False, True]])
    >>> coarse_accuracy_score([0, 0, 1, -1], [0, 2, 2, 1], relation)
    0.6666666666666666
    """
    coarse, pred = check_labels(coarse, pred)
    labelled = coarse >= 0
    if not labelled.any():
        raise InputError("Coarse accuracy needs at least one labelled sample, got none.")
    return float(np.asarray(relation)[pred[labelled], coarse[labelled]].mean())


def check_labels(true: ArrayLike, pred: ArrayLike) -> tuple[IntArray, IntArray]:
    """Return both as (N,) int64; N > 0."""
    rows: tuple[NDArray[np.generic], ...] = (np.asarray(true), np.asarray(pred))
    for labels in rows:
        if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iub":
            raise InputError(
                "Metrics need one integer label per sample and at least one sample, "
                f"got {labels.dtype} of shape {labels.shape}."
            )
    if len(rows[0]) != len(rows[1]):
        raise InputError(
            "Metrics need as many predicted as true labels, "
            f"got {len(rows[0])} true and {len(rows[1])} predicted."
        )
    return rows[0].astype(np.int64), rows[1].astype(np.int64)
