"""The space that the head works in: directions of the features, whitened by the shared metric.

``y = unit(x - mean) P / scale``, one affine-spherical map for all samples, so that a model can
predict for samples without a coarse label. P divides out the scatter inside fine classes
(`falcon_svc.discovery.partition.shared_metric`), scale makes the mean squared length 1.

Where there are fewer rows than dimensions all they have to tell lies in their span, at most n
axes: the metric is learned on coordinates there (`row_axes`), and P keeps these axes. Products and
distances of rows in the span are those of the (D, D) map, which would not fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.partition.shared_metric import SharedMetric, unit_rows
from falcon_svc.threads import threads_for
from falcon_svc.types import FloatArray, IntArray

CHUNK_ROWS = 65_536
PANEL_COLUMNS = 64  # of the products that factorisations are made of


@dataclass(frozen=True)
class FeatureSpace:
    """The map from features to head inputs.

    Parameters
    ----------
    mean
        (D,) float32.
    projection
        (D, D') float32, scale included; D' = D, or the number of rows where that is smaller.
    """

    mean: FloatArray
    projection: FloatArray

    @classmethod
    def learn(
        cls, vectors: FloatArray, mean: FloatArray, fine: IntArray, *, shrinkage: float
    ) -> FeatureSpace:
        """Learn the map from a partition `fine` (n,) of the rows `vectors` (n, D)."""
        directions = unit_rows(vectors - mean)
        side = min(directions.shape)
        with threads_for(2 * PANEL_COLUMNS * side**2):
            projection = _projection(directions, fine, shrinkage)
        length = np.sqrt(((directions @ projection) ** 2).sum(axis=1).mean())
        return cls(mean.astype(np.float32), (projection / length).astype(np.float32))

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return (N, D) head inputs, computed in chunks of rows."""
        out = np.empty((len(vectors), self.projection.shape[1]), np.float32)
        for start in range(0, len(vectors), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            directions = unit_rows(np.asarray(vectors[rows]) - self.mean)
            with threads_for(2 * len(directions) * self.projection.size):
                out[rows] = directions @ self.projection
        return out


def row_axes(rows: FloatArray) -> FloatArray:
    """Return (D, n) orthonormal columns that span the n <= D rows (QR)."""
    return np.linalg.qr(rows.T)[0]


def _projection(directions: FloatArray, fine: IntArray, shrinkage: float) -> FloatArray:
    n_rows, n_dims = directions.shape
    if n_rows >= n_dims:
        return SharedMetric.learn(directions, fine, shrinkage=shrinkage).projection
    axes = row_axes(directions)
    inside = directions @ axes
    metric = SharedMetric.learn(inside, fine, shrinkage=shrinkage, n_dims=n_dims)
    return axes @ metric.projection
