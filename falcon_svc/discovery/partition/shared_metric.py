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


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Return the rows at length 1; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, EPSILON), dtype=np.float32)


def class_means(vectors: FloatArray, labels: IntArray, n_classes: int) -> FloatArray:
    """Return (n_classes, D) means of the rows of each label; zero for a class without rows."""
    sums = np.zeros((n_classes, vectors.shape[1]), np.float64)
    order = np.argsort(labels, kind="stable")
    present, first = np.unique(labels[order], return_index=True)
    sums[present] = np.add.reduceat(vectors[order].astype(np.float64), first, axis=0)
    sizes = np.bincount(labels, minlength=n_classes)
    return np.asarray(sums / np.maximum(sizes, 1)[:, None], dtype=np.float32)


def centred(vectors: FloatArray, labels: IntArray) -> FloatArray:
    """Return the rows minus the mean of their label's rows."""
    return vectors - class_means(vectors, labels, int(labels.max()) + 1)[labels]


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
