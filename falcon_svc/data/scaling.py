r"""Columns brought to one scale, fitted on the data set and kept for prediction.

``standard`` is :math:`(x - \mu) / \sigma`; ``robust`` is :math:`(x - \mathrm{median}) /
\mathrm{IQR}`, which a few extreme values do not move. A constant column stays at zero.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.far_rows import far_rows
from falcon_svc.types import FloatArray, IntArray, Scale, Scaling

QUARTILES = (25, 50, 75)
BLOCK_COLUMNS = 256
QUARTILE_ROWS = 20_000  # evenly spread, that tell which rows are far


def scaling_without_far(
    vectors: FloatArray, figures: ColumnFigures, labels: IntArray, kind: Scale
) -> Scaling | None:
    """Return the scaling of the rows that are not far from all others; see `fit_scaling`.

    Which they are is judged where all columns count alike: by median and quartiles.
    """
    if kind != "standard":
        return fit_scaling(vectors, figures, kind)
    few = vectors[:: max(1, len(vectors) // QUARTILE_ROWS)]
    alike = fit_scaling(few, ColumnFigures.of(few), "robust")
    assert alike is not None
    far = far_rows(alike.apply(vectors), labels)
    if not len(far):
        return fit_scaling(vectors, figures, kind)
    near = np.delete(vectors, far, axis=0)
    return fit_scaling(near, ColumnFigures.of(near), kind)


def fit_scaling(vectors: FloatArray, figures: ColumnFigures, kind: Scale) -> Scaling | None:
    """Return the scaling of `kind` for (N, D) finite vectors; None for ``none``."""
    if kind == "none":
        return None
    spread = np.where(figures.deviation > 0, figures.deviation, 1.0)
    if kind == "standard":
        return Scaling(kind, figures.mean, spread)
    low, centre, high = _quartiles(vectors)
    return Scaling(kind, centre, np.where(high > low, high - low, spread))


def _quartiles(vectors: FloatArray) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return (3, D) quartiles, a few columns at a time: numpy copies what it sorts."""
    out = np.empty((len(QUARTILES), vectors.shape[1]))
    for start in range(0, vectors.shape[1], BLOCK_COLUMNS):
        columns = np.asarray(vectors[:, start : start + BLOCK_COLUMNS], dtype=np.float64)
        out[:, start : start + BLOCK_COLUMNS] = np.percentile(columns, QUARTILES, axis=0)
    return out
