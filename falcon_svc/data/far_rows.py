r"""Rows so far from all others that nothing may be fitted to them.

One row in other units, or of garbage, decides every mean, scatter and principal axis that it takes
part in, and with them the classes of all other samples. A row's distance is that to the median of
its coarse class, or to the median of all rows where that is nearer (so a far coarse class is not
far). Of the rows further than `FAR` times the median row's distance to the median of all, those
count that stand alone: a fifth sample not within half of `FAR` times that distance, as in a class
that lies apart. Rows that are `HUGE` times as long as the median row count in any case.

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
    if not usual or not len(far) or len(far) > MOST_SHARE * len(vectors):
        return np.arange(0)
    length = _distance(vectors, np.zeros(vectors.shape[1]))
    huge = length[far] > HUGE * np.median(length)
    return far[huge | _alone(vectors[far], FAR / 2 * usual)]


def far_note(rows: IntArray, ids: Sequence[str]) -> tuple[Note, ...]:
    """Return the note on far rows, by the ids (N,) of all samples; empty where there are none."""
    if not len(rows):
        return ()
    named = ", ".join(quoted(ids[row]) for row in rows[:SHOWN].tolist())
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    lie = "sample lies" if len(rows) == 1 else "samples lie"
    text = f"{len(rows):,} {lie} more than {FAR:g} times as far from all others as usual: "
    text += f"{named}{more}. Nothing is fitted to such samples, a fine class is only given to them "
    return (Note("far_rows", f"{text}afterwards; check their units, or leave them out."),)


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
