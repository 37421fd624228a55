"""Plain k-means of many sets of rows at once.

Sets are padded to the size of the largest of their batch and clustered in step: seeding by greedy
k-means++ (Arthur and Vassilvitskii 2007), Lloyd's rounds from all starts, and then from the best
one until it stands still. One call of a library for each of thousands of small sets would cost
more than the arithmetic.

Shapes: B sets of a batch, n most rows, D dimensions, k clusters, S starts, T trials of a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import BoolArray, FloatArray, IntArray

FIRST_ROUNDS = 6
"""From all starts; after that only the best goes on."""

MOST_ROUNDS = 100
TOLERANCE = 1e-4
"""Squared movement of the centres, in units of a dimension's mean variance, that is none."""

BATCH_CELLS = 1 << 19
LARGEST_PADDING = 1.2

Double = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Batch:
    """Sets of alike size that get the same number of clusters.

    Parameters
    ----------
    members
        (B,) numbers of the sets.
    rows
        (B, n, D) float32, zero past a set's own rows.
    sizes
        (B,) rows of each set.
    k
        Clusters.
    earlier
        (B, n) labels of one more start, -1 past the rows; or None.
    """

    members: IntArray
    rows: FloatArray
    sizes: IntArray
    k: int
    earlier: IntArray | None

    @property
    def real(self) -> BoolArray:
        """(B, n) which rows there are."""
        return np.asarray(np.arange(self.rows.shape[1]) < self.sizes[:, None])

    @property
    def squares(self) -> Double:
        """(B, n) squared lengths of the rows."""
        return np.asarray((self.rows.astype(np.float64) ** 2).sum(axis=2))


def batches_of(
    sets: Sequence[FloatArray],
    counts: IntArray,
    wanted: Sequence[int],
    earlier: Sequence[IntArray] | None = None,
) -> list[Batch]:
    """Return the `wanted` sets in batches; each set's batch depends on the data alone."""

    def shape(q: int) -> tuple[int, int, int]:
        return int(counts[q]), sets[q].shape[1], len(sets[q])

    ordered = sorted(wanted, key=lambda q: (*shape(q), q))
    alike = groupby(ordered, key=lambda q: shape(q)[:2])
    return [
        _batch(sets, part, k, earlier) for (k, _), own in alike for part in _parts(sets, list(own))
    ]


def _parts(sets: Sequence[FloatArray], members: list[int]) -> Iterator[list[int]]:
    """Cut members of ascending size so that neither cells nor padding grow too large."""
    part: list[int] = []
    for q in members:
        n, dim = sets[q].shape
        full = (len(part) + 1) * n * dim > BATCH_CELLS
        if part and (full or n > LARGEST_PADDING * len(sets[part[0]])):
            yield part
            part = []
        part.append(q)
    if part:
        yield part


def _batch(
    sets: Sequence[FloatArray], members: list[int], k: int, earlier: Sequence[IntArray] | None
) -> Batch:
    sizes = np.array([len(sets[q]) for q in members])
    rows = np.zeros((len(members), int(sizes.max()), sets[members[0]].shape[1]), np.float32)
    labels = None if earlier is None else np.full(rows.shape[:2], -1)
    for i, q in enumerate(members):
        rows[i, : sizes[i]] = sets[q]
        if labels is not None and earlier is not None:
            labels[i, : sizes[i]] = earlier[q]
    return Batch(np.array(members), rows, sizes, k, labels)


def batched_kmeans(batch: Batch, *, n_starts: int, seed: int) -> FloatArray:
    """Return the (B, k, D) centres of the best of the starts.

    Parameters
    ----------
    batch
        Sets with at least k different rows each.
    n_starts
        S - 1 or S: new starts, beside the earlier partition where there is one.
    seed
        Seed of the new starts; the same numbers are drawn for every set.
    """
    centres = _seeds(batch, n_starts, np.random.default_rng(seed))  # (B, S, k, D)
    if batch.earlier is not None:
        centres = np.concatenate([centres, earlier_means(batch)[:, None]], axis=1)
    for _ in range(FIRST_ROUNDS):
        centres, inertia, _ = _lloyd(batch.rows, batch.real, centres)
    best = inertia.argmin(axis=1)[:, None, None, None]
    centres = np.take_along_axis(centres, best, axis=1)  # (B, 1, k, D)
    return _settled(batch, centres)[:, 0]


def earlier_means(batch: Batch) -> FloatArray:
    """Return the (B, k, D) means of the clusters of the earlier partition; 0 where one is empty."""
    assert batch.earlier is not None, "these sets came without an earlier partition"
    own = np.arange(batch.k)[:, None] == batch.earlier[:, None, :]  # (B, k, n)
    nothing = np.zeros((len(batch.rows), batch.k, batch.rows.shape[2]), np.float32)
    return _means(own.astype(np.float32), batch.rows, nothing)


def _settled(batch: Batch, centres: FloatArray) -> FloatArray:
    """Centres (B, 1, k, D) that Lloyd's rounds move no more."""
    n_cells = batch.sizes * batch.rows.shape[2]
    mean = batch.rows.sum(axis=1) / batch.sizes[:, None]
    variance = batch.squares.sum(axis=1) / n_cells - (mean**2).mean(axis=1)
    moving = np.arange(len(centres))
    for _ in range(MOST_ROUNDS):
        rows, real = batch.rows[moving], batch.real[moving]
        moved, _, shift = _lloyd(rows, real, centres[moving])
        centres[moving] = moved
        moving = moving[shift[:, 0] > TOLERANCE * variance[moving]]
        if not len(moving):
            break
    return centres


def _lloyd(
    rows: FloatArray, real: BoolArray, centres: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """One round: new centres, and per set and start inertia less a constant, and their movement."""
    n_sets, n_starts, k, dim = centres.shape
    flat = centres.reshape(n_sets, n_starts * k, dim)
    distance = (flat**2).sum(axis=2)[:, :, None] - 2 * flat @ rows.transpose(0, 2, 1)
    distance = distance.reshape(n_sets, n_starts, k, -1)
    nearest = distance.argmin(axis=2)  # (B, S, n)
    inertia = (distance.min(axis=2) * real[:, None]).sum(axis=2)
    own = (nearest[:, :, None] == np.arange(k)[:, None]) & real[:, None, None]
    moved = _means(own.reshape(n_sets, n_starts * k, -1).astype(np.float32), rows, flat)
    moved = moved.reshape(centres.shape)
    return moved, inertia, ((moved - centres) ** 2).sum(axis=(2, 3))


def _means(own: FloatArray, rows: FloatArray, instead: FloatArray) -> FloatArray:
    """Means (B, k, D) of the rows that are each cluster's `own` (B, k, n); else `instead`."""
    size = own.sum(axis=2)[:, :, None]
    return np.where(size > 0, own @ rows / np.maximum(size, 1), instead)


def _seeds(batch: Batch, n_starts: int, random: np.random.Generator) -> FloatArray:
    """Greedy k-means++: each further centre is the best of T rows drawn by squared distance."""
    rows, real, square = batch.rows, batch.real, batch.squares.astype(np.float32)
    sets = np.arange(len(rows))[:, None]
    first = (random.random(n_starts) * batch.sizes[:, None]).astype(np.int64)  # (B, S)
    chosen = [first]
    closest = _distances(rows, square, sets, first) * real[:, None]  # (B, S, n)
    for _ in range(1, batch.k):
        share = random.random((n_starts, 2 + int(np.log(batch.k))))  # (S, T)
        drawn = _drawn(closest, share, batch.sizes)  # (B, S, T)
        flat = _distances(rows, square, sets, drawn.reshape(len(rows), -1))
        after = np.minimum(flat.reshape(*drawn.shape, -1), closest[:, :, None])  # (B, S, T, n)
        best = after.sum(axis=3).argmin(axis=2)[:, :, None]
        chosen.append(np.take_along_axis(drawn, best, axis=2)[:, :, 0])
        closest = np.take_along_axis(after, best[..., None], axis=2)[:, :, 0]
    return rows[sets[:, :, None], np.stack(chosen, axis=2)]


def _drawn(closest: FloatArray, share: Double, sizes: IntArray) -> IntArray:
    """Rows (B, S, T) at the given shares of the cumulated squared distances (B, S, n)."""
    cumulated = np.cumsum(closest, axis=2, dtype=np.float64)
    wanted = share * cumulated[:, :, -1:]  # (B, S, T)
    place = (cumulated[:, :, None] <= wanted[..., None]).sum(axis=3)
    return np.asarray(np.minimum(place, sizes[:, None, None] - 1), np.int64)


def _distances(
    rows: FloatArray, square: FloatArray, sets: IntArray, chosen: IntArray
) -> FloatArray:
    """Squared distances (B, S, n) of all rows to the rows `chosen` (B, S) of their set."""
    centre = rows[sets, chosen]
    product = centre @ rows.transpose(0, 2, 1)
    return np.maximum(square[:, None] + square[sets, chosen][:, :, None] - 2 * product, 0)
