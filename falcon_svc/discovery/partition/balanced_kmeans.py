"""k-means whose clusters are equally large, for data whose sizes say that the classes are.

After a plain k-means, soft assignments with equal column sums (Sinkhorn and Knopp's scaling of
``exp(-d^2 / e)``; Cuturi 2013) and weighted means take turns. What k-means gets wrong on many
alike classes is two merged and one split; equal sizes forbid just that. The temperature e is
a quarter of the median squared distance to the nearest centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.types import FloatArray, IntArray

TEMPERATURE_SHARE = 0.25
N_ROUNDS = 10
N_SCALINGS = 50
TINY = 1e-30


def balanced_kmeans(
    vectors: FloatArray,
    n_clusters: int,
    *,
    n_starts: int,
    seed: int,
    earlier: IntArray | None = None,
) -> IntArray:
    """Return (n,) labels of `n_clusters` clusters of about n / n_clusters samples each.

    Parameters
    ----------
    vectors
        (n, D) float32, n >= n_clusters.
    n_clusters
        At least 2.
    n_starts, seed
        Number of starts and seed of the k-means that it starts from.
    earlier
        (n,) labels in ``[0, n_clusters)`` of a partition whose means are one more start, or None.
    """
    distinct = len(np.unique(vectors, axis=0)) if len(vectors) < 4 * n_clusters else n_clusters
    if distinct < n_clusters:  # duplicates: no k-means has that many centres
        return np.arange(len(vectors)) % n_clusters
    centres = _start(vectors, n_clusters, n_starts, seed, earlier).astype(np.float64)
    for _ in range(N_ROUNDS):
        weight = balanced_assignment(squared_distances(vectors, centres))
        centres = weight.T @ vectors / np.maximum(weight.sum(axis=0), TINY)[:, None]
    return np.asarray(weight.argmax(axis=1), np.int64)


def _start(
    vectors: FloatArray, n_clusters: int, n_starts: int, seed: int, earlier: IntArray | None
) -> FloatArray:
    """Centres of the best k-means: of new starts, and of the earlier partition's means."""
    best = KMeans(n_clusters, n_init=n_starts, random_state=seed).fit(vectors)
    if earlier is not None:
        means = class_means(vectors, earlier, n_clusters)
        again = KMeans(n_clusters, init=means, n_init=1).fit(vectors)
        best = min(best, again, key=lambda fit: float(fit.inertia_))
    return np.asarray(best.cluster_centers_, np.float32)


def squared_distances(vectors: FloatArray, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, k) squared Euclidean distances, never below 0."""
    squares = (vectors.astype(np.float64) ** 2).sum(axis=1)[:, None] + (centres**2).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * vectors @ centres.T, 0))


def balanced_assignment(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, k) weights >= 0 with row sums near 1 and column sums n / k.

    Parameters
    ----------
    distance
        (n, k) squared distances.
    """
    n, k = distance.shape
    nearest = distance.min(axis=1, keepdims=True)
    temperature = TEMPERATURE_SHARE * float(np.median(nearest)) + TINY
    kernel = np.exp(-(distance - nearest) / temperature)
    column = np.ones(k)
    for _ in range(N_SCALINGS):
        row = 1 / (kernel @ column + TINY)
        column = (n / k) / (kernel.T @ row + TINY)
    return np.asarray(row[:, None] * kernel * column)
