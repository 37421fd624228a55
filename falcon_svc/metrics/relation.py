"""How well a discovered coarse-fine graph agrees with the true one.

Place: evaluation only. Source: edge and path accuracy replace the graph edit distance (GED)
of FALCON's table 3, which cannot tell a right graph from a wrong one: `GED_CAVEAT` says why,
and `ged_bounds` gives the figure for those who must compare.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.metrics.clustering import UNMATCHED, Matching, match_classes
from falcon_svc.types import BoolArray, IntArray

GED_CAVEAT = (
    "GED tells nothing about which fine class belongs where: fine ids are arbitrary, so the graph "
    "is a set of stars known by its sizes alone, and any graph with the right number of fine "
    "classes per coarse class, even a random one, has GED 0."
)


class GedBounds(NamedTuple):
    """Smallest and largest graph edit distance, depending on how coarse nodes are told apart.

    Parameters
    ----------
    lower
        Distance where coarse nodes may swap, >= 0.
    upper
        Distance where coarse nodes keep their names, >= `lower`.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.metrics import ged_bounds
    >>> ged_bounds(np.eye(3, dtype=bool)[[0, 0, 1, 2]], np.eye(3, dtype=bool)[[0, 1, 1, 2]])
    GedBounds(lower=0, upper=2)
    """

    lower: int
    upper: int


def relation_edge_accuracy_score(
    true: ArrayLike, pred: ArrayLike, true_parent: ArrayLike, pred_parent: ArrayLike
) -> float:
    r"""Share of matched fine classes that hang on the right coarse class.

    .. math:: \frac{1}{\min(T, P)} \sum_t [\mathrm{parent}(\pi(t)) = \mathrm{parent}(t)]

    with the Hungarian match of `clustering.match_classes`; a pair that shares no sample counts
    as wrong. In [0, 1]: 1 when every matched class has the right parent, about 1/C for random
    parents. Give predictions made without the coarse label: masked ones have a right parent by
    construction.

    Parameters
    ----------
    true, pred
        (N,) fine class ids >= 0.
    true_parent, pred_parent
        (F,) coarse class of every true and of every predicted fine id.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from falcon_svc.metrics import relation_edge_accuracy_score
    >>> true, pred = [0, 0, 1, 1], [1, 1, 0, 0]
    >>> relation_edge_accuracy_score(true, pred, true_parent=[0, 1], pred_parent=[1, 1])
    0.5
    """
    return edge_accuracy(match_classes(true, pred), true_parent, pred_parent)


def edge_accuracy(matching: Matching, true_parent: ArrayLike, pred_parent: ArrayLike) -> float:
    """`relation_edge_accuracy_score` of a match that is already there."""
    right = _right_parent(matching, true_parent, pred_parent)
    return float(right.sum() / min(matching.counts.shape))


def path_accuracy_score(
    true: ArrayLike, pred: ArrayLike, true_parent: ArrayLike, pred_parent: ArrayLike
) -> float:
    r"""Share of samples whose whole path, fine class and its parent, is right.

    .. math:: \frac{1}{N} \sum_t n_{t, \pi(t)} [\mathrm{parent}(\pi(t)) = \mathrm{parent}(t)]

    In [0, 1], never above the accuracy; equal to it when all matched parents are right.

    Parameters
    ----------
    true, pred
        (N,) fine class ids >= 0.
    true_parent, pred_parent
        (F,) coarse class of every true and of every predicted fine id.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from falcon_svc.metrics import path_accuracy_score
    >>> path_accuracy_score([0, 0, 1, 1], [1, 1, 0, 0], true_parent=[0, 1], pred_parent=[1, 1])
    0.5
    """
    return matched_path_accuracy(match_classes(true, pred), true_parent, pred_parent)


def matched_path_accuracy(
    matching: Matching, true_parent: ArrayLike, pred_parent: ArrayLike
) -> float:
    """`path_accuracy_score` of a match that is already there."""
    right = _right_parent(matching, true_parent, pred_parent)
    return float(matching.matched_counts[right].sum() / matching.counts.sum())


def _right_parent(matching: Matching, true_parent: ArrayLike, pred_parent: ArrayLike) -> BoolArray:
    """(T,): is matched, and both parents are the same coarse class."""
    parent = np.asarray(true_parent)[matching.true_classes]
    found = np.asarray(pred_parent)[matching.pred_classes[matching.pred_of_true]]
    right: BoolArray = (matching.pred_of_true != UNMATCHED) & (parent == found)
    return right


def majority_parent(fine: ArrayLike, coarse: ArrayLike) -> IntArray:
    """Coarse class that most labelled samples of each fine id have; -1 for ids with none.

    Parameters
    ----------
    fine
        (N,) ids >= 0.
    coarse
        (N,) integers in ``{-1, 0, .., C-1}``.

    Returns
    -------
    IntArray
        (max id + 1,), so that a fine id is an index.

    Examples
    --------
    >>> from falcon_svc.metrics import majority_parent
    >>> majority_parent([0, 0, 0, 2], [1, 1, 0, -1]).tolist()
    [1, -1, -1]
    """
    fine, coarse = np.asarray(fine, np.int64), np.asarray(coarse, np.int64)
    n_fine, n_coarse, labelled = int(fine.max()) + 1, int(coarse.max()) + 1, coarse >= 0
    if not labelled.any():
        return np.full(n_fine, UNMATCHED, np.int64)
    cells = fine[labelled] * n_coarse + coarse[labelled]
    counts = np.bincount(cells, minlength=n_fine * n_coarse).reshape(n_fine, n_coarse)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), UNMATCHED)


def ged_bounds(true_relation: ArrayLike, pred_relation: ArrayLike) -> GedBounds:
    r"""Exact graph edit distance of two coarse-fine graphs, with unit costs. See `GED_CAVEAT`.

    Both graphs are forests of stars with sizes :math:`n_k`, :math:`m_k` and C centres; fine
    nodes carry no names. The common edges are at most :math:`s = \sum_k \min(n_k, m_k)`, so

    .. math:: \mathrm{GED} = |F - F'| + F + F' - 2s = 2 \max(F - s, F' - s)

    `upper` holds coarse nodes by name; `lower` lets them swap too, which is best with both size
    lists sorted. Range [0, 2 max(F, F')]: 0 says that the sizes agree and nothing else.

    Parameters
    ----------
    true_relation, pred_relation
        (F, C) and (F', C) bool, each row with exactly one True.

    Returns
    -------
    GedBounds
        Both distances, whole numbers >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.metrics import ged_bounds
    >>> ged_bounds(np.eye(2, dtype=bool)[[0, 0, 1]], np.eye(2, dtype=bool)[[0, 1, 1]])
    GedBounds(lower=0, upper=2)
    """
    true_sizes = np.asarray(true_relation).sum(axis=0, dtype=np.int64)
    pred_sizes = np.asarray(pred_relation).sum(axis=0, dtype=np.int64)
    lower = _star_forest_distance(np.sort(true_sizes), np.sort(pred_sizes))
    return GedBounds(lower, _star_forest_distance(true_sizes, pred_sizes))


def _star_forest_distance(sizes: IntArray, other: IntArray) -> int:
    common = int(np.minimum(sizes, other).sum())
    return 2 * max(int(sizes.sum()), int(other.sum())) - 2 * common
