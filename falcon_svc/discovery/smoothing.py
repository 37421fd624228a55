"""Smoothing over the neighbor graph: most of what neighbor consistency teaches, in one second.

Each step moves a sample halfway to the mean of its nearest neighbors inside the same coarse
class, ``z <- unit(z/2 + mean_k z_k / 2)``. A class of samples contracts around its own modes, so
that k-means afterwards cuts between modes rather than through them.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.discovery.metric import unit_rows
from falcon_svc.types import FloatArray, IntArray

CHUNK_ROWS = 20_000


def smoothed(vectors: FloatArray, neighbors: IntArray, *, n_steps: int) -> FloatArray:
    """Return the unit rows after `n_steps` of smoothing.

    Parameters
    ----------
    vectors
        (N, D) float32.
    neighbors
        (N, K) row numbers.
    n_steps
        0 returns the rows at unit length.
    """
    current = unit_rows(vectors)
    for _ in range(n_steps):
        current = unit_rows((current + _neighbor_means(current, neighbors)) / np.float32(2))
    return current


def _neighbor_means(vectors: FloatArray, neighbors: IntArray) -> FloatArray:
    means = np.empty_like(vectors)
    for start in range(0, len(vectors), CHUNK_ROWS):
        part = neighbors[start : start + CHUNK_ROWS]
        total = vectors[part[:, 0]].copy()
        for column in part.T[1:]:  # K gathers of (chunk, D), never (chunk, K, D)
            total += vectors[column]
        means[start : start + CHUNK_ROWS] = total / part.shape[1]
    return means
