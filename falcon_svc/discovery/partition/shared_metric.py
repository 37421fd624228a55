"""The shared metric: how large a difference is ordinary inside one fine class.

Fine classes of every coarse class are taken to vary in the same directions, so the scatter
inside the current clusters is pooled over the whole data set and divided out (linear
discriminant analysis with pseudo-labels). One coarse class has too few samples to learn this;
all of them together have plenty. This step is ours, not the paper's; the figures are in
docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.types import FloatArray, IntArray

EPSILON = 1e-9
CHUNK_ROWS = 1 << 16


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return the rows at length 1; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, EPSILON), dtype=np.float32)


def class_means(vectors: FloatArray, labels: IntArray, n_classes: int) -> FloatArray:
    """Return (n_classes, D) means of the rows of each label; zero for a class without rows.

    Rows of label -1 belong to none. Sums are in double precision, a class at a time.
    """
    sums = np.zeros((n_classes, vectors.shape[1]), np.float64)
    order = np.argsort(labels, kind="stable")[np.count_nonzero(labels < 0) :]
    present, first, sizes = np.unique(labels[order], return_index=True, return_counts=True)
    for label, start, size in zip(present, first, sizes, strict=True):
        rows = vectors[order[start : start + size]].astype(np.float64)
        sums[label] = rows.sum(axis=0)  # in cache: `np.add.reduceat` of all takes four times this
    sums[present] /= sizes[:, None]
    return np.asarray(sums, dtype=np.float32)


def centred(vectors: FloatArray, labels: IntArray) -> FloatArray:
    """Return the rows minus the mean of their label's rows."""
    means = class_means(vectors, labels, int(labels.max()) + 1)[labels]
    return np.subtract(vectors, means, out=means)


def squared_lengths(vectors: FloatArray, labels: IntArray, means: FloatArray) -> FloatArray:
    """Return (n,) squared distances of the rows to the means (C, D) of their labels, in pieces."""
    found = np.empty(len(vectors), vectors.dtype)
    for start in range(0, len(vectors), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        found[rows] = ((vectors[rows] - means[labels[rows]]) ** 2).sum(axis=1)
    return found


def whitening(scatter: FloatArray, shrinkage: float, n_dims: int | None = None) -> FloatArray:
    """Return W (D, D) with W^T S' W = I for the shrunk scatter S'.

    Formula: ``S' = (1 - a) S + a tr(S)/D I`` and ``W = U diag(v)^-1/2`` of ``S' = U diag(v) U^T``.

    Parameters
    ----------
    scatter
        (D, D) covariance inside classes.
    shrinkage
        a in (0, 1]; 1 gives a multiple of the identity, so plain Euclidean distance.
    n_dims
        D of the formula's trace where the rows lie in a subspace of D dimensions; None = all.
    """
    dim = len(scatter)
    level = max(float(np.trace(scatter)) / (n_dims or dim), EPSILON)
    shrunk = (1 - shrinkage) * scatter.astype(np.float64) + shrinkage * level * np.eye(dim)
    values, vectors = np.linalg.eigh(shrunk)
    return np.asarray(vectors / np.sqrt(values), dtype=np.float32)


@dataclass(frozen=True)
class SharedMetric:
    """Whitening learned from a partition: `vectors @ projection` has unit scatter in classes.

    Parameters
    ----------
    projection
        (D, D) float32.
    """

    projection: FloatArray

    @classmethod
    def learn(
        cls, vectors: FloatArray, fine: IntArray, *, shrinkage: float, n_dims: int | None = None
    ) -> SharedMetric:
        """Pool the scatter of `vectors` (N, D) around the means of the clusters `fine` (N,).

        `n_dims` as in `whitening`: of the space that the vectors are coordinates in a subspace of.
        """
        residual = centred(vectors, fine)
        scatter = (residual.T @ residual / len(residual)).astype(np.float32)
        return cls(whitening(scatter, shrinkage, n_dims))

    def apply(self, vectors: FloatArray) -> FloatArray:
        """Return (N, D) whitened rows at unit length."""
        return unit_rows(vectors @ self.projection)
