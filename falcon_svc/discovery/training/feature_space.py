"""The space that the head works in: directions of the features, whitened by the shared metric.

``y = unit(x - mean) P / scale``, one affine-spherical map for all samples, so that a model can
predict for samples without a coarse label. P divides out the scatter inside fine classes
(`falcon_svc.discovery.partition.shared_metric`), scale makes the mean squared length 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.partition.shared_metric import SharedMetric, unit_rows
from falcon_svc.types import FloatArray, IntArray

CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class FeatureSpace:
    """The map from features to head inputs.

    Parameters
    ----------
    mean
        (D,) float32.
    projection
        (D, D) float32, scale included.
    """

    mean: FloatArray
    projection: FloatArray

    @classmethod
    def learn(
        cls, vectors: FloatArray, mean: FloatArray, fine: IntArray, *, shrinkage: float
    ) -> FeatureSpace:
        """Learn the map from a partition `fine` (n,) of the rows `vectors` (n, D)."""
        directions = unit_rows(vectors - mean)
        projection = SharedMetric.learn(directions, fine, shrinkage=shrinkage).projection
        length = np.sqrt(((directions @ projection) ** 2).sum(axis=1).mean())
        return cls(mean.astype(np.float32), (projection / length).astype(np.float32))

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return (N, D) head inputs, computed in chunks of rows."""
        out = np.empty((len(vectors), self.projection.shape[1]), np.float32)
        for start in range(0, len(vectors), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            out[rows] = unit_rows(np.asarray(vectors[rows]) - self.mean) @ self.projection
        return out
