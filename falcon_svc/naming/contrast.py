r"""Features that set a class apart from its siblings, by effect size.

.. math:: d = (\bar x_1 - \bar x_2) / s, \quad
          s^2 = ((n_1 - 1) s_1^2 + (n_2 - 1) s_2^2) / (n_1 + n_2 - 2)

(Cohen 1988, "Statistical Power Analysis for the Behavioral Sciences", 2.5.2.) The siblings are the
other classes of the same coarse class; all other classes where there are none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import FloatArray, IntArray

LEAST_EFFECT = 0.5  # what Cohen calls medium
CANDIDATES = 6
COLUMNS_AT_ONCE = 512

Numbers = NDArray[np.float64]


def class_features(
    vectors: FloatArray, names: Sequence[str], fine: IntArray, parents: IntArray
) -> list[list[str]]:
    """Return each class's features as ``high NAME`` or ``low NAME``, the most telling first.

    Parameters
    ----------
    vectors
        (N, D) numbers.
    names
        (D,) names of their columns.
    fine
        (N,) classes in [0, F).
    parents
        (F,) the coarse class of each class.
    """
    effect = effect_sizes(vectors, fine, parents)
    return [_telling(row, names) for row in effect]


def effect_sizes(vectors: FloatArray, fine: IntArray, parents: IntArray) -> Numbers:
    """Return (F, D) effect sizes against the siblings; 0 where nothing can be said.

    A feature that does not vary inside either group and differs between them is infinite.
    """
    found = np.zeros((len(parents), vectors.shape[1]))
    for first in range(0, vectors.shape[1], COLUMNS_AT_ONCE):
        part = slice(first, first + COLUMNS_AT_ONCE)
        found[:, part] = _effects(np.asarray(vectors[:, part], np.float64), fine, parents)
    return found


def _effects(values: Numbers, fine: IntArray, parents: IntArray) -> Numbers:
    values = values - values.mean(axis=0)  # so that squares keep their digits
    n_fine = len(parents)
    sizes = np.bincount(fine, minlength=n_fine).astype(np.float64)
    sums, squares = (np.zeros((n_fine, values.shape[1])) for _ in range(2))
    order = np.argsort(fine, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    for c in range(n_fine):
        rows = values[order[starts[c] : starts[c + 1]]]
        sums[c], squares[c] = rows.sum(axis=0), np.square(rows).sum(axis=0)
    others = _siblings(parents, sizes)
    return _cohen(
        (sizes, sums, squares),
        (others @ sizes, others @ sums, others @ squares),
    )


def _siblings(parents: IntArray, sizes: Numbers) -> Numbers:
    """(F, F) 1 where a class is compared with another."""
    same = (parents[:, None] == parents[None, :]) & ~np.eye(len(parents), dtype=np.bool_)
    alone = (same @ sizes) == 0
    same[alone] = ~np.eye(len(parents), dtype=np.bool_)[alone]
    return np.asarray(same, np.float64)


def _cohen(
    one: tuple[Numbers, Numbers, Numbers], other: tuple[Numbers, Numbers, Numbers]
) -> Numbers:
    """Sizes (F,), sums and sums of squares (F, D) of both groups -> d (F, D)."""
    n, m = one[0][:, None], other[0][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = one[1] / n - other[1] / m
        inside = (one[2] - one[1] ** 2 / n) + (other[2] - other[1] ** 2 / m)
        spread = np.sqrt(np.maximum(inside, 0) / (n + m - 2))
        tiny = spread <= 1e-9 * np.maximum(np.abs(gap), 1e-300)
        effect = np.where(tiny, np.where(np.abs(gap) > 0, np.sign(gap) * np.inf, 0), gap / spread)
    known = (n > 0) & (m > 0) & (n + m > 2)
    return np.where(known & ~np.isnan(effect), effect, 0.0)


def _telling(effect: Numbers, names: Sequence[str]) -> list[str]:
    order = np.argsort(-np.abs(effect), kind="stable")[:CANDIDATES].tolist()
    return [
        f"{'high' if effect[column] > 0 else 'low'} {names[column]}"
        for column in order
        if abs(effect[column]) >= LEAST_EFFECT
    ]
