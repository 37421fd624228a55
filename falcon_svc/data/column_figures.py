"""Figures of the columns of vectors, taken in one pass over blocks of rows.

Welford's update for blocks (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
for computing sample variances", 1979) keeps columns such as years exact, where the plain sum of
squares would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import BoolArray, FloatArray

BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ColumnFigures:
    """What (N, D) vectors are like, column by column; `length` row by row.

    Parameters
    ----------
    mean, deviation
        (D,) float64; the deviation is the population's (ddof 0).
    low, high
        (D,) the extreme values.
    whole
        (D,) True where every value is a whole number.
    length
        (N,) Euclidean length of each row.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    low: FloatArray
    high: FloatArray
    whole: BoolArray
    length: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: FloatArray) -> ColumnFigures:
        """Measure finite vectors; N is at least 1."""
        width = vectors.shape[1]
        mean, square = np.zeros(width), np.zeros(width)
        low = np.full(width, np.inf, np.float32)
        whole, length, count = np.ones(width, np.bool_), [], 0
        high = -low
        for block in blocks(vectors):
            values = block.astype(np.float64)
            apart = values.mean(axis=0) - mean
            total = count + len(block)
            square += ((values - values.mean(axis=0)) ** 2).sum(axis=0)
            square += apart**2 * count * len(block) / total
            mean += apart * len(block) / total
            low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
            whole &= (np.floor(block) == block).all(axis=0)
            length.append(np.sqrt((values**2).sum(axis=1)))
            count = total
        deviation = np.sqrt(square / max(count, 1))
        deviation[low == high] = 0  # rounding must not make a constant column vary
        return cls(mean, deviation, low, high, whole, np.concatenate(length))


def blocks(vectors: FloatArray) -> Iterator[FloatArray]:
    """Yield consecutive rows of at most 16 MiB."""
    step = max(1, BLOCK_BYTES // (8 * vectors.shape[1]))
    for start in range(0, len(vectors), step):
        yield vectors[start : start + step]
