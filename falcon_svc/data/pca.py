"""Principal components of rows that come in blocks, so that they need not fit in memory.

Up to 512 columns: the eigenvectors of the covariance. Above: randomised subspace iteration
(Halko, Martinsson and Tropp, "Finding structure with randomness", 2011, algorithm 4.4), one pass
over the rows per iteration. Signs are fixed, so equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import FloatArray

EXACT_COLUMNS = 512
OVERSAMPLE = 10
ITERATIONS = 6
BLOCK_ROWS = 4096

Block = Callable[[int, int], FloatArray]


@dataclass(frozen=True)
class Components:
    """(D,) mean and (K, D) orthonormal rows in order of falling variance."""

    mean: FloatArray
    rows: FloatArray

    def apply(self, block: FloatArray) -> FloatArray:
        """Return (B, K) coordinates of (B, D) rows."""
        return np.asarray((block - self.mean) @ self.rows.T, dtype=np.float32)


def principal_components(read: Block, *, shape: tuple[int, int], dim: int, seed: int) -> Components:
    """Fit the first `dim` components of `shape` = (N, D) rows.

    Parameters
    ----------
    read
        ``read(start, stop)`` returns (stop-start, D) float32.
    dim
        K; at most min(N - 1, D) components are returned.
    seed
        Seed of the random start, used above 512 columns.
    """
    n, width = shape
    dim = max(1, min(dim, n - 1, width))
    total = np.zeros(width)
    for block in _blocks(read, n):
        total += block.sum(axis=0, dtype=np.float64)
    mean: FloatArray = (total / n).astype(np.float32)
    exact = width <= EXACT_COLUMNS
    basis = np.eye(width, dtype=np.float32) if exact else _subspace(read, shape, mean, dim, seed)
    small = basis.T.astype(np.float64) @ _covariance_times(read, n, mean, basis)
    _, vectors = np.linalg.eigh((small + small.T) / 2)
    rows = (basis @ vectors[:, ::-1][:, :dim]).T
    signs = np.sign(rows[np.arange(dim), np.abs(rows).argmax(axis=1)])
    return Components(mean, np.ascontiguousarray(rows * signs[:, None], dtype=np.float32))


def _blocks(read: Block, n: int) -> Iterator[FloatArray]:
    for start in range(0, n, BLOCK_ROWS):
        yield read(start, min(start + BLOCK_ROWS, n))


def _covariance_times(
    read: Block, n: int, mean: FloatArray, basis: FloatArray
) -> NDArray[np.float64]:
    """Return (D, K) covariance @ basis, up to the factor 1 / N."""
    total = np.zeros(basis.shape)
    for block in _blocks(read, n):
        centred = block - mean
        total += centred.T @ (centred @ basis)
    return total


def _subspace(
    read: Block, shape: tuple[int, int], mean: FloatArray, dim: int, seed: int
) -> FloatArray:
    """Return (D, dim + 10) orthonormal columns that hold nearly all variance of `dim` axes."""
    n, width = shape
    start = np.random.default_rng(seed).normal(size=(width, min(dim + OVERSAMPLE, width)))
    basis = np.linalg.qr(start)[0].astype(np.float32)
    for _ in range(ITERATIONS):
        basis = np.linalg.qr(_covariance_times(read, n, mean, basis))[0].astype(np.float32)
    return basis
