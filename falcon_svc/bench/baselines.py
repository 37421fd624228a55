"""Clustering inside each coarse class, as anyone would do it first: what a discovery must beat.

Every function takes (N, D) vectors, the coarse labels and a seed, and returns (N,) fine ids that
differ between coarse classes; rows without a coarse label get -1. k-means, spectral clustering
and Ward are told the number of fine classes of each coarse class; HDBSCAN finds its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.neighbors import KNeighborsClassifier

from falcon_svc.types import UNLABELLED, FloatArray, IntArray, LabelSource

KMEANS_STARTS = 10
SPECTRAL_NEIGHBORS = 10
MOST_ROWS = 20_000
"""Largest coarse class for Ward, spectral clustering and HDBSCAN: their memory grows as n^2."""

Cluster = Callable[[FloatArray, int, int], IntArray]
"""(rows of one coarse class, number of clusters, seed) -> cluster ids."""


class TooLargeError(Exception):
    """A coarse class is beyond what the method can hold in memory."""


def per_class(
    vectors: FloatArray, source: LabelSource, counts: IntArray, cluster: Cluster, seed: int
) -> IntArray:
    """Cluster every coarse class by itself.

    Parameters
    ----------
    vectors
        (N, D).
    source
        Coarse labels.
    counts
        (C,) number of clusters per coarse class, at most its number of samples.
    cluster
        What to do with one class; not called where one cluster is wanted of a counted method.
    seed
        Handed on.
    """
    fine, first = np.full(len(vectors), UNLABELLED, np.int64), 0
    for rows, count in zip(source.rows_by_class(), counts, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # duplicates, unconnected graphs: part of the method
            ids = cluster(vectors[rows], int(count), seed)
        fine[rows] = first + ids
        first += int(ids.max()) + 1
    return fine


def kmeans(rows: FloatArray, count: int, seed: int) -> IntArray:
    """k-means++, the best of ten starts."""
    return np.asarray(KMeans(count, n_init=KMEANS_STARTS, random_state=seed).fit_predict(rows))


def ward(rows: FloatArray, count: int, seed: int) -> IntArray:
    """Ward's hierarchical clustering; nothing random."""
    check_size(rows)
    if count == 1 or len(rows) == 1:
        return np.zeros(len(rows), np.int64)
    return np.asarray(AgglomerativeClustering(count).fit_predict(rows))


def spectral(rows: FloatArray, count: int, seed: int) -> IntArray:
    """Spectral clustering of the 10-nearest-neighbor graph."""
    check_size(rows)
    if count == 1 or len(rows) == 1:
        return np.zeros(len(rows), np.int64)
    model = SpectralClustering(
        count,
        affinity="nearest_neighbors",
        n_neighbors=min(SPECTRAL_NEIGHBORS, len(rows)),
        random_state=seed,
    )
    return np.asarray(model.fit_predict(rows))


def hdbscan(least: int) -> Cluster:
    """Return HDBSCAN with this least cluster size; noise joins its nearest clustered sample."""

    def cluster(rows: FloatArray, count: int, seed: int) -> IntArray:
        check_size(rows)
        if len(rows) < max(2, least):
            return np.zeros(len(rows), np.int64)
        ids = np.asarray(HDBSCAN(min_cluster_size=least, copy=True).fit_predict(rows))
        return noise_joined(rows, ids)

    return cluster


def noise_joined(rows: FloatArray, ids: IntArray) -> IntArray:
    """Give noise (-1) the cluster of its nearest clustered sample; all noise is one cluster."""
    kept = ids >= 0
    if not kept.any():
        return np.zeros(len(rows), np.int64)
    nearest = KNeighborsClassifier(1).fit(rows[kept], ids[kept])
    ids[~kept] = nearest.predict(rows[~kept]) if not kept.all() else ids[~kept]
    return ids


def check_size(rows: FloatArray) -> None:
    """Raise `TooLargeError` above `MOST_ROWS` samples."""
    if len(rows) > MOST_ROWS:
        raise TooLargeError(f"a coarse class of {len(rows):,} samples, above {MOST_ROWS:,}")


def proportional_counts(sizes: IntArray, total: int) -> IntArray:
    """Share `total` fine classes out by numbers of samples, at least one each (Webster).

    Parameters
    ----------
    sizes
        (C,) samples per coarse class.
    total
        F, from C to the number of samples.
    """
    counts = np.ones(len(sizes), np.int64)
    for _ in range(total - len(sizes)):
        counts[np.argmax(np.where(counts < sizes, sizes / (counts + 0.5), -1.0))] += 1
    return counts
