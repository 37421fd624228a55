"""Numbers that tell the sides of splits apart, for all splits of a tree at once.

Place: under `split_evidence`, whose names they go by. A tree has dozens of splits, a data set up to
thousands of trees, so each number is a few products of matrices rather than a loop.

Shapes: S splits, n rows of the coarse class, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import FloatArray, IntArray

TINY = 1e-9
LEAST_SQUARE = 1e-6
NTH = 5
BINS = (6, 24)

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sides:
    """Both sides of S splits.

    Parameters
    ----------
    a, b
        Per split the rows of either side.
    n_rows
        n.
    """

    a: list[IntArray]
    b: list[IntArray]
    n_rows: int

    def masks(self) -> tuple[Float, Float]:
        """Return the members (S, n) of either side, as 0 and 1."""
        return members_mask(self.a, self.n_rows), members_mask(self.b, self.n_rows)

    def sizes(self) -> tuple[Float, Float]:
        """Return the rows (S,) of either side."""
        a, b = ([len(rows) for rows in side] for side in (self.a, self.b))
        return np.array(a, np.float64), np.array(b, np.float64)


def members_mask(members: list[IntArray], n_rows: int) -> Float:
    """Return (S, n) 1 where a row is a member."""
    mask = np.zeros((len(members), n_rows))
    number = np.repeat(np.arange(len(members)), [len(m) for m in members])
    mask[number, np.concatenate(members)] = 1.0
    return mask


@dataclass(frozen=True, eq=False)
class SpaceMeasures:
    """What one space says of each split.

    Parameters
    ----------
    gap
        (S,) log of the distance of the means over the sum of the deviations along their axis.
    apart
        (S,) squared distance of the means less what sampling adds.
    within
        (S,) scatter inside the sides.
    places
        (S, n) the rows' places along the axis of the means.
    """

    gap: Float
    apart: Float
    within: Float
    places: Float


def space_measures(rows: FloatArray, a: Float, b: Float) -> SpaceMeasures:
    """Return the measures of (n, D) rows for the sides `a` and `b` (S, n)."""
    x = rows.astype(np.float64)
    square = (x**2).sum(axis=1)
    size_a, size_b = a.sum(axis=1), b.sum(axis=1)
    mean_a, mean_b = a @ x / size_a[:, None], b @ x / size_b[:, None]
    scatter_a = _scatter(a @ square / size_a, mean_a)
    scatter_b = _scatter(b @ square / size_b, mean_b)
    axis = mean_a - mean_b
    length = np.sqrt((axis**2).sum(axis=1))
    there = length >= TINY
    places = axis @ x.T / np.where(there, length, 1.0)[:, None] * there[:, None]
    spread = _deviation(places, a, size_a) + _deviation(places, b, size_b)
    noise = scatter_a / size_a + scatter_b / size_b
    return SpaceMeasures(
        gap=np.log(np.where(there, length / (spread + TINY), 0.0) + 1e-6),
        apart=np.maximum(length**2 - noise, LEAST_SQUARE),
        within=(size_a * scatter_a + size_b * scatter_b) / (size_a + size_b),
        places=places,
    )


def _scatter(mean_square: Float, mean: Float) -> Float:
    """Mean squared distance (S,) from the mean; rounding must not make it negative."""
    return np.asarray(np.maximum(mean_square - (mean**2).sum(axis=1), 0))


def _deviation(places: Float, side: Float, size: Float) -> Float:
    mean = (places * side).sum(axis=1) / size
    return np.asarray(np.sqrt((((places - mean[:, None]) * side) ** 2).sum(axis=1) / size))


def own_shares(neighbors: IntArray, a: Float, b: Float) -> Float:
    """Return (S,) the share of neighbors inside the node on the own side, less chance.

    Parameters
    ----------
    neighbors
        (n, K) rows.
    a, b
        (S, n) the sides; both weigh alike.
    """
    near_a, near_b = a[:, neighbors].sum(axis=2), b[:, neighbors].sum(axis=2)  # (S, n)
    total = a.sum(axis=1) + b.sum(axis=1)
    share = np.zeros(len(a))
    for side, near in ((a, near_a), (b, near_b)):
        own, known = (near * side).sum(axis=1), ((near_a + near_b) * side).sum(axis=1)
        share += own / np.maximum(known, 1) - side.sum(axis=1) / total
    return np.asarray(share / 2)


def dips(places: Float, node: Float) -> Float:
    """Return (S,) the depth of the deepest valley of a smoothed histogram, in its highest bins.

    Parameters
    ----------
    places
        (S, n) places on an axis.
    node
        (S, n) 1 for the rows that count.
    """
    there = node > 0
    n_bins = np.clip(np.sqrt(there.sum(axis=1)).astype(np.int64) + 2, *BINS)
    low = np.where(there, places, np.inf).min(axis=1)[:, None]
    high = np.where(there, places, -np.inf).max(axis=1)[:, None]
    flat = high == low  # as numpy's histogram: one unit wide
    low, high = np.where(flat, low - 0.5, low), np.where(flat, high + 0.5, high)
    share = (places - low) / (high - low)
    number = np.clip((share * n_bins[:, None]).astype(np.int64), 0, n_bins[:, None] - 1)
    cells = (np.arange(len(places))[:, None] * BINS[1] + number)[there]
    counts = np.bincount(cells, minlength=len(places) * BINS[1]).reshape(-1, BINS[1])
    beside = np.pad(counts, ((0, 0), (1, 1)))
    bins = 0.25 * beside[:, :-2] + 0.5 * counts + 0.25 * beside[:, 2:]
    bins[np.arange(BINS[1]) >= n_bins[:, None]] = 0.0
    left = np.maximum.accumulate(bins, axis=1)
    right = np.maximum.accumulate(bins[:, ::-1], axis=1)[:, ::-1]
    depth = (np.minimum(left, right) - bins).max(axis=1)
    return np.asarray(depth / np.maximum(bins.max(axis=1), 1.0))


def nth_distances(distance: Float, sides: Sides) -> tuple[list[Float], list[Float]]:
    """Return per split, for the rows of a and then of b, two distances.

    Those to the 5th nearest row of the sister side, and of the own side, itself left out; the
    farthest where there are fewer.
    """
    sister, own = [], []
    for a, b in zip(sides.a, sides.b, strict=True):
        both = np.concatenate([a, b])
        block, m = distance[both[:, None], both], len(a)
        sister.append(np.concatenate([nth(block[:m, m:], NTH - 1), nth(block[m:, :m], NTH - 1)]))
        own.append(np.concatenate([nth(block[:m, :m], NTH), nth(block[m:, m:], NTH)]))
    return sister, own


def nth(distance: Float, n: int) -> Float:
    """Return the n-th least entry of each row, from 0; the largest where there are fewer."""
    n = min(n, distance.shape[1] - 1)
    return np.asarray(np.partition(distance, n, axis=1)[:, n])


def mean_log_ratios(above: list[Float], below: list[Float], sides: Sides) -> Float:
    """Return (S,) means of log(above / below) over the rows of a and of b; sides weigh alike."""
    logs = np.log((np.concatenate(above) + TINY) / (np.concatenate(below) + TINY))
    size_a, size_b = sides.sizes()
    number = np.arange(len(size_a)).repeat(2)
    each = np.stack([size_a, size_b], axis=1).ravel().astype(np.int64)
    weight = 0.5 / np.maximum(each, 1)
    found = np.bincount(number.repeat(each), logs * weight.repeat(each), minlength=len(size_a))
    return np.asarray(found, np.float64)
