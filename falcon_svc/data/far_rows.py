r"""Rows so far from all others that nothing may be fitted to them.

One row in other units, or of garbage, decides every mean, scatter and principal axis that it takes
part in, and with them the classes of all other samples. A row's distance is that to the median of
its coarse class, or to the median of all rows where that is nearer (so a far coarse class is not
far). Two rules find such rows, by the median row's distance to the median of all as the unit:

* Further than `FAR` units and alone: a fifth sample is not within half of that, as in a class that
  lies apart; rows `HUGE` times as long as the median row count in any case.
* Further than `OUTER` units and behind a gap: the distance to their second nearest sample is `GAP`
  times that of every row that is not set apart, and `LONELY` times the usual one. A heavy tail has
  no gap, and three samples of a rare class are near each other.

Where more than `MOST_SHARE` of the rows would count, none does: they are no exceptions then, but
what the data are like.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.column_figures import blocks
from falcon_svc.data.refusal import quoted
from falcon_svc.types import FloatArray, IntArray, Note

FAR, HUGE = 8.0, 1_000.0
COMPANIONS = 4
"""Samples near a far row that make it one of a class."""
OUTER, GAP, LONELY = 2.0, 3.0, 6.0
NEAREST = 2
"""Which neighbor's distance says whether a row is alone."""

MOST_OUTER, USUAL_ROWS = 200, 500
"""Rows, the furthest and evenly spread ones, whose neighbors are looked for."""

MOST_SHARE = 0.05
MEDIAN_ROWS = 2_000
"""Rows of a class, evenly spread, that its median is taken of."""
SHOWN = 5

Float = NDArray[np.float64]


def far_rows(vectors: FloatArray, labels: IntArray) -> IntArray:
    """Return the ascending rows that nothing may be fitted to; most data sets have none.

    Parameters
    ----------
    vectors
        (N, D) finite.
    labels
        (N,) coarse labels, -1 for none.

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    >>> rows[[7, 50]] *= 1e6
    >>> far_rows(rows, np.repeat([0, 1], 50)).tolist()
    [7, 50]
    """
    everywhere = _distance(vectors, _median(vectors, np.arange(len(vectors))))
    distance = everywhere.copy()
    for k in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == k)
        own = _distance(vectors[rows], _median(vectors, rows))
        distance[rows] = np.minimum(own, everywhere[rows])
    usual = float(np.median(everywhere))
    far = np.flatnonzero(distance > FAR * usual)
    if not usual or len(far) > MOST_SHARE * len(vectors):
        return np.arange(0)
    if len(far):
        length = _distance(vectors, np.zeros(vectors.shape[1]))
        huge = length[far] > HUGE * np.median(length)
        far = far[huge | _alone(vectors[far], FAR / 2 * usual)]
    outer = np.flatnonzero(distance > OUTER * usual)
    outer = outer[np.argsort(-distance[outer], kind="stable")]
    behind = _behind_gap(vectors, outer[:MOST_OUTER])
    found = np.union1d(far, behind)
    return found if len(found) <= MOST_SHARE * len(vectors) else far


def far_note(rows: IntArray, ids: Sequence[str]) -> tuple[Note, ...]:
    """Return the note on far rows, by the ids (N,) of all samples; empty where there are none."""
    if not len(rows):
        return ()
    named = ", ".join(quoted(ids[row]) for row in rows[:SHOWN].tolist())
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    lie = "sample lies" if len(rows) == 1 else "samples lie"
    text = f"{len(rows):,} {lie} far from all others, behind a gap or many times as far as usual: "
    text += f"{named}{more}. Nothing is fitted to such samples, a fine class is only given to them "
    return (Note("far_rows", f"{text}afterwards; check their units, or leave them out."),)


def _behind_gap(vectors: FloatArray, outer: IntArray) -> IntArray:
    """Return those of the outer rows that a gap parts from all others."""
    if not len(outer):
        return outer
    evenly = np.arange(0, len(vectors), max(1, len(vectors) // USUAL_ROWS))
    others = np.setdiff1d(evenly, outer)
    near = _nearest(vectors, np.concatenate([outer, others]))
    alone, usual = near[: len(outer)], near[len(outer) :]
    order = np.argsort(-alone, kind="stable")
    inside = np.append(alone[order][1:], 0.0)  # the next one, that would stay
    least = max(GAP * float(usual.max(initial=0)), LONELY * float(np.median(usual)), 1e-30)
    cuts = np.flatnonzero((alone[order] > GAP * inside) & (alone[order] > least))
    return np.sort(outer[order[: cuts[-1] + 1]]) if len(cuts) else np.arange(0)


def _nearest(vectors: FloatArray, rows: IntArray) -> Float:
    """(n,) distances of some rows to their second nearest other row."""
    centre = _median(vectors, np.arange(len(vectors))).astype(np.float32)
    some = vectors[rows] - centre
    best = np.full((len(rows), NEAREST + 1), np.inf, np.float32)  # the row itself is the first
    for block in blocks(vectors):
        apart = block - centre
        squares = np.einsum("nd,nd->n", apart, apart) - 2 * some @ apart.T
        best = np.partition(np.concatenate([best, squares], axis=1), NEAREST)[:, : NEAREST + 1]
    own = np.einsum("nd,nd->n", some, some)
    return np.asarray(np.sqrt(np.maximum(best[:, NEAREST] + own, 0)), np.float64)


def _median(vectors: FloatArray, rows: IntArray) -> Float:
    """(D,) median of these rows, or of enough of them."""
    few = rows[:: max(1, len(rows) // MEDIAN_ROWS)]
    return np.asarray(np.median(vectors[few].astype(np.float64), axis=0))


def _distance(vectors: FloatArray, centre: Float) -> Float:
    """(N,) distances of the rows to a point; float32 inside, which is exact enough for a factor."""
    point = centre.astype(np.float32)
    apart = (block - point for block in blocks(vectors))
    squares = [np.einsum("nd,nd->n", rows, rows) for rows in apart]
    return np.asarray(np.sqrt(np.concatenate(squares)), np.float64)


def _alone(rows: FloatArray, radius: float) -> NDArray[np.bool_]:
    """(n,) whether fewer than `COMPANIONS` of the others lie within the radius."""
    near = [int((_distance(rows, row.astype(np.float64)) <= radius).sum()) for row in rows]
    return np.array(near) <= COMPANIONS
