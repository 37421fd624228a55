"""Cut every coarse class into its number of fine classes, and let several cuts vote.

`split` cuts one space: balanced k-means where sizes are alike, the merge tree where they are not.
`portfolio` cuts several views of the same features, each before and after the shared metric
has been learned from it; `consensus` clusters the samples by their labels in all of these
(evidence accumulation, Fred and Jain 2005). No single view is best on all data, and no internal
criterion was found that picks the best one; their vote is about as good as the best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.decomposition import PCA

from falcon_svc.discovery.balanced_kmeans import balanced_kmeans
from falcon_svc.discovery.contrast import contrast_view
from falcon_svc.discovery.merge_tree import MergeTree, merge_tree
from falcon_svc.discovery.metric import SharedMetric, unit_rows
from falcon_svc.discovery.smoothing import smoothed
from falcon_svc.neighbors import search_neighbors
from falcon_svc.types import FloatArray, IntArray, LabelSource

CLASS_PCA_DIM = 64
SMOOTHING_NEIGHBORS = 10
SMOOTHING_STEPS = (3, 10)
"""Least and most."""
SHRINKAGE = 0.1
METRIC_ROUNDS = 3
KMEANS_STARTS = 8
CONSENSUS_STARTS = 5
MAX_TREE_GROUPS = 200
LARGEST_TREE_EXPONENT = 0.5  # above it sizes are alike enough for balanced k-means


def smoothing_steps(samples_per_class: float) -> int:
    """Return sqrt(n / 10) steps, 3 to 10: enough to walk through a fine class of n samples.

    Each step reaches the 10 nearest neighbors. With fewer, large classes keep what varies inside
    them, and k-means cuts along it; with more, small classes run together.
    """
    least, most = SMOOTHING_STEPS
    return int(np.clip(round((samples_per_class / SMOOTHING_NEIGHBORS) ** 0.5), least, most))


def smooth_space(
    vectors: FloatArray, source: LabelSource, n_steps: int = SMOOTHING_STEPS[0]
) -> FloatArray:
    """Return unit rows smoothed over the neighbors inside each coarse class."""
    neighbors = search_neighbors(vectors, source, SMOOTHING_NEIGHBORS, seed=0)
    return smoothed(vectors, neighbors.index, n_steps=n_steps)


def trees_of(space: FloatArray, groups: list[IntArray], exponent: float) -> list[MergeTree]:
    """Return one merge tree per coarse class."""
    return [
        merge_tree(space[rows], size_exponent=exponent, max_groups=MAX_TREE_GROUPS)
        for rows in groups
    ]


def split(
    space: FloatArray, groups: list[IntArray], counts: IntArray, exponent: float, seed: int
) -> IntArray:
    """Return (N,) fine ids, consecutive over coarse classes: class q has counts[q] of them."""
    fine, first = np.zeros(len(space), np.int64), 0
    for rows, count in zip(groups, counts, strict=True):
        fine[rows] = first + _cut(space[rows], int(count), exponent, seed, KMEANS_STARTS)
        first += int(count)
    return fine


def _cut(vectors: FloatArray, count: int, exponent: float, seed: int, n_starts: int) -> IntArray:
    if count == 1:
        return np.zeros(len(vectors), np.int64)
    if exponent > LARGEST_TREE_EXPONENT:
        return balanced_kmeans(vectors, count, n_starts=n_starts, seed=seed)
    tree = merge_tree(vectors, size_exponent=exponent, max_groups=MAX_TREE_GROUPS)
    return tree.cut(count)


def learn_metric(vectors: FloatArray, fine: IntArray) -> SharedMetric:
    """Return the shared metric of a partition with this module's shrinkage."""
    return SharedMetric.learn(vectors, fine, shrinkage=SHRINKAGE)


def class_pca(vectors: FloatArray, groups: list[IntArray]) -> FloatArray:
    """Return unit rows of up to 64 principal components inside each coarse class, zero-padded."""
    out = np.zeros((len(vectors), min(CLASS_PCA_DIM, vectors.shape[1])), np.float32)
    for rows in groups:
        dim = min(out.shape[1], len(rows) - 1)
        if dim > 0:
            with np.errstate(invalid="ignore"):  # all rows alike: shares of variance are 0 / 0
                out[rows, :dim] = PCA(dim, random_state=0).fit_transform(vectors[rows])
    return unit_rows(out)


def sharpened(
    vectors: FloatArray,
    view: FloatArray,
    source: LabelSource,
    counts: IntArray,
    *,
    exponent: float,
    seed: int,
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield (fine ids, smoothed space): first for `view`, then for each round of the metric."""
    groups = source.rows_by_class()
    n_steps = smoothing_steps(len(vectors) / int(counts.sum()))
    for _ in range(METRIC_ROUNDS + 1):
        space = smooth_space(view, source, n_steps)
        fine = split(space, groups, counts, exponent, seed)
        yield fine, space
        view = learn_metric(vectors, fine).apply(vectors)


def portfolio(
    vectors: FloatArray,
    raw: FloatArray,
    source: LabelSource,
    counts: IntArray,
    *,
    exponent: float,
    n_starts: int,
    seed: int,
    on_part: Callable[[], None],
) -> list[IntArray]:
    """Return partitions (N,): per start and view, the first and the last of `sharpened`.

    Parameters
    ----------
    vectors
        (N, D) centred inside each coarse class.
    raw
        (N, D') the features as they came; their directions are the first view.
    source
        The coarse labels, every row labelled.
    counts
        (C,) fine classes per coarse class.
    exponent
        Of the merge tree; above 0.5 balanced k-means.
    n_starts
        Repetitions with other seeds.
    seed
        Base seed.
    on_part
        Called after each view.
    """
    groups = source.rows_by_class()
    neighbors = search_neighbors(vectors, source, SMOOTHING_NEIGHBORS, seed=0).index
    parts: list[IntArray] = []
    for start in range(n_starts):
        own_seed = seed + 7919 * start
        for view in (
            raw,
            class_pca(vectors, groups),
            contrast_view(vectors, groups, neighbors, seed=own_seed),
        ):
            found = list(sharpened(vectors, view, source, counts, exponent=exponent, seed=own_seed))
            parts += [found[0][0], found[-1][0]]
            on_part()
    return parts


def consensus(
    parts: list[IntArray], groups: list[IntArray], counts: IntArray, exponent: float, seed: int
) -> IntArray:
    """Return (N,) fine ids: each coarse class clustered by its samples' labels in all `parts`.

    Alike sizes are kept alike; otherwise average linkage of the votes, whatever the exponent
    that the parts were cut with.
    """
    if exponent <= LARGEST_TREE_EXPONENT:
        exponent = 0.0
    fine, first = np.zeros(len(parts[0]), np.int64), 0
    for rows, count in zip(groups, counts, strict=True):
        votes = np.concatenate([_one_hot(part[rows]) for part in parts], axis=1)
        fine[rows] = first + _cut(votes, int(count), exponent, seed, CONSENSUS_STARTS)
        first += int(count)
    return fine


def _one_hot(labels: IntArray) -> FloatArray:
    _, index = np.unique(labels, return_inverse=True)
    return np.eye(int(index.max()) + 1, dtype=np.float32)[index]
