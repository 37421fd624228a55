"""k-means whose clusters are equally large, for data whose sizes say that the classes are.

After a plain k-means, soft assignments with equal column sums (Sinkhorn and Knopp's scaling of
``exp(-d^2 / e)``; Cuturi 2013) and weighted means take turns. What k-means gets wrong on many
alike classes is two merged and one split; equal sizes forbid just that. The temperature e is
a quarter of the median squared distance to the nearest centre.

Coarse classes of alike size are clustered together, in batches (`batched_kmeans`): thousands of
them cost little more than their arithmetic, and batches are shared out over threads.

Shapes: B sets of a batch, n most rows, D dimensions, k clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from falcon_svc.discovery.partition.batched_kmeans import (
    Batch,
    batched_kmeans,
    batches_of,
    earlier_means,
)
from falcon_svc.threads import in_threads
from falcon_svc.types import FloatArray, IntArray

TEMPERATURE_SHARE = 0.25
N_ROUNDS = 10
N_SCALINGS = 50
TINY = np.float32(1e-30)
LEAST_EXPONENT = np.float32(-60.0)
"""Of a weight; what is less is as good as nothing, and far slower to compute with."""


def balanced_kmeans(
    sets: Sequence[FloatArray],
    counts: IntArray,
    *,
    n_starts: int,
    seed: int,
    earlier: Sequence[IntArray] | None = None,
    on_rows: Callable[[int], None] = lambda _: None,
) -> list[IntArray]:
    """Return per set (n_q,) labels of `counts[q]` clusters of about n_q / counts[q] rows each.

    Parameters
    ----------
    sets
        Q sets of (n_q, D_q) float32 rows.
    counts
        (Q,) clusters, 1 <= counts[q] <= n_q.
    n_starts, seed
        Number of starts and seed of the k-means that it starts from.
    earlier
        Per set (n_q,) labels in ``[0, counts[q])`` of a partition whose means are one more start,
        or None.
    on_rows
        Called with the rows of every batch that is done.
    """

    def cut(batch: Batch) -> IntArray:
        return _balanced(batch, batched_kmeans(batch, n_starts=n_starts, seed=seed))

    return _in_batches(cut, sets, counts, earlier, on_rows)


def rebalanced(
    sets: Sequence[FloatArray], counts: IntArray, earlier: Sequence[IntArray]
) -> list[IntArray]:
    """Return per set (n_q,) labels of a partition whose clusters were made equally large.

    Nothing is random: the rounds start from the means of `earlier`. Parameters as of
    `balanced_kmeans`.
    """

    def cut(batch: Batch) -> IntArray:
        return _balanced(batch, earlier_means(batch))

    return _in_batches(cut, sets, counts, earlier, lambda _: None)


def _in_batches(
    cut: Callable[[Batch], IntArray],
    sets: Sequence[FloatArray],
    counts: IntArray,
    earlier: Sequence[IntArray] | None,
    on_rows: Callable[[int], None],
) -> list[IntArray]:
    """Labels of all sets, cut in batches; rows of a set without k different ones take turns."""
    labels = [np.arange(len(rows)) % k for rows, k in zip(sets, counts, strict=True)]
    real = [q for q, k in enumerate(counts) if k > 1 and _has_centres(sets[q], int(k))]
    on_rows(sum(map(len, sets)) - sum(len(sets[q]) for q in real))
    batches = batches_of(sets, counts, real, earlier)
    for batch, found in zip(batches, in_threads(cut, batches), strict=True):
        for q, row in zip(batch.members, found, strict=True):
            labels[q] = row[: len(sets[q])]
        on_rows(int(batch.sizes.sum()))
    return labels


def _has_centres(rows: FloatArray, k: int) -> bool:
    """Whether there are k different rows; looked at only where there are few."""
    return len(rows) >= 4 * k or len(np.unique(rows, axis=0)) >= k


def _balanced(batch: Batch, centres: FloatArray) -> IntArray:
    """Labels (B, n) after rounds of balanced assignment and weighted means (B, k, D)."""
    rows, square = batch.rows, batch.squares.astype(np.float32)
    for _ in range(N_ROUNDS):
        distance = square[:, None, :] + (centres**2).sum(axis=2)[:, :, None]
        distance -= 2 * centres @ rows.transpose(0, 2, 1)
        weight = balanced_assignment(np.maximum(distance, 0, out=distance), batch.sizes)
        centres = weight @ rows / np.maximum(weight.sum(axis=2), TINY)[:, :, None]
    return np.asarray(weight.argmax(axis=1), np.int64)


def balanced_assignment(distance: FloatArray, sizes: IntArray) -> FloatArray:
    """Return (B, k, n) weights >= 0: k of a row sum to about 1, all rows of a cluster to n_b / k.

    Parameters
    ----------
    distance
        (B, k, n) squared distances.
    sizes
        (B,) rows that there really are; weights of the rest are 0.
    """
    n_sets, k, n = distance.shape
    real = np.arange(n) < sizes[:, None]
    nearest = distance.min(axis=1)
    temperature = TEMPERATURE_SHARE * _medians(np.where(real, nearest, np.inf), sizes) + TINY
    colder = (nearest[:, None] - distance) / temperature[:, None, None]
    kernel = np.exp(np.maximum(colder, LEAST_EXPONENT, out=colder), out=colder) * real[:, None]
    column = np.ones((n_sets, 1, k), kernel.dtype)
    even = (sizes / k)[:, None, None].astype(kernel.dtype)
    for _ in range(N_SCALINGS):
        row = 1 / (column @ kernel + TINY)  # (B, 1, n)
        column = even / (row @ kernel.transpose(0, 2, 1) + TINY)
    return np.asarray(row * kernel * column.transpose(0, 2, 1))


def _medians(values: FloatArray, sizes: IntArray) -> FloatArray:
    """Medians (B,) of the first `sizes` of each row once it is sorted."""
    ordered = np.sort(values, axis=1)
    middle = np.stack([(sizes - 1) // 2, sizes // 2], axis=1)
    return np.asarray(np.take_along_axis(ordered, middle, axis=1).mean(axis=1))
