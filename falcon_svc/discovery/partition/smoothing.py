"""Smoothing over the neighbor graph: most of what neighbor consistency teaches, in one second.

Each step moves a sample halfway to the mean of its nearest neighbors inside the same coarse
class, ``z <- z/2 + mean_k z_k / 2``. A class of samples contracts around its own modes, so that
clustering afterwards cuts between modes rather than through them.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.discovery.partition.shared_metric import unit_rows
from falcon_svc.types import FloatArray, IntArray

CHUNK_ROWS = 512
"""Their sums stay in a core's cache."""


def smoothed(
    vectors: FloatArray, neighbors: IntArray, *, n_steps: int, unit: bool = True
) -> FloatArray:
    """Return the rows after `n_steps` of smoothing.

    Parameters
    ----------
    vectors
        (N, D) float32.
    neighbors
        (N, K) row numbers.
    n_steps
        0 smooths nothing.
    unit
        Whether rows have unit length, at first and after each step; else their lengths stay.
    """
    current = unit_rows(vectors) if unit else vectors
    for _ in range(n_steps):
        current = (current + _neighbor_means(current, neighbors)) / np.float32(2)
        current = unit_rows(current) if unit else current
    return current


def _neighbor_means(vectors: FloatArray, neighbors: IntArray) -> FloatArray:
    means, near = np.empty_like(vectors), np.empty_like(vectors[:CHUNK_ROWS])
    for start in range(0, len(vectors), CHUNK_ROWS):
        columns = np.ascontiguousarray(neighbors[start : start + CHUNK_ROWS].T)
        total = means[start : start + CHUNK_ROWS]
        vectors.take(columns[0], axis=0, out=total, mode="clip")
        for column in columns[1:]:  # K gathers of (chunk, D), never (chunk, K, D)
            total += vectors.take(column, axis=0, out=near[: len(total)], mode="clip")
        total /= len(columns)
    return means
