"""How well partitions into F fine classes come back on other halves of the data, beyond noise.

Every coarse class is halved, each half gets Ward's tree of its smoothed rows, and all trees of
half are cut at one common height that leaves F clusters. Both halves label all rows by the
nearest cluster mean; the adjusted Rand index of the two labellings is the class's stability.
Gaussian noise of the same covariance goes the same way, and the score of F is the excess of the
first over the second, averaged over samples. A wrong number is unstable, and one that is stable
only because ellipses can be halved earns nothing.

Of more than `MOST_COARSE` coarse classes that many, drawn at random, stand for all: the curve is a
mean over samples, and totals are counted up in proportion.

Stability: Lange et al., Neural Computation 16, 2004; reference data: Tibshirani et al. 2001. The
common height, which needs no counts, is ours (docs/decisions/0004-number-of-classes.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.counts.split_evidence import N_STEPS
from falcon_svc.discovery.partition.merge_tree import common_cost, nested_means, ward_tree
from falcon_svc.discovery.partition.views import View, soft_rows
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

N_REPEATS = 3
N_TOTALS = 16
ROWS_PER_FINE_CLASS = 8  # the largest candidate leaves this many samples per fine class
MOST_PER_COARSE = 40
MOST_COARSE = 300

Float = NDArray[np.float64]


@dataclass(frozen=True)
class StabilityCurve:
    """Excess stability over candidate totals.

    Parameters
    ----------
    totals
        (T,) candidates, ascending.
    scores
        (T,) mean excess, at most 1.
    error
        Standard error of a score, pooled over candidates.
    """

    totals: IntArray
    scores: FloatArray
    error: float


def stability_curve(
    inside: FloatArray,
    source: LabelSource,
    *,
    seed: int,
    pieces: Pieces | None = None,
) -> StabilityCurve:
    """Return the curve.

    Parameters
    ----------
    inside
        (n, D) features centred inside each coarse class.
    source
        Coarse labels, every row labelled.
    seed
        Seed of halves and noise.
    pieces
        Each repeat is one of them; None = nobody is told.
    """
    pieces = pieces or Pieces()
    rng = np.random.default_rng(seed)
    times = max(1.0, source.n_coarse / MOST_COARSE)
    inside, source, _ = some_classes(inside, source, rng)
    sizes = np.bincount(source.labels)
    totals = candidate_totals(sizes)

    def agreement(view: FloatArray, half: BoolArray) -> Float:
        return np.asarray(_agreement(view, source, half, totals) @ sizes, np.float64)

    in_all = (totals * times).round().astype(np.int64)
    n_rows = len(inside)
    return excess_curve(inside, source, in_all, agreement, "stability", n_rows, rng, pieces)


def excess_curve(
    inside: FloatArray,
    source: LabelSource,
    totals: IntArray,
    agreement: Callable[[FloatArray, BoolArray], Float],
    kind: str,
    n_rows: int,
    rng: np.random.Generator,
    pieces: Pieces,
) -> StabilityCurve:
    """Return by how much the agreement of halves exceeds that of their Gaussian twins.

    Parameters
    ----------
    inside, source
        (n, D) features centred inside each coarse class, and the labels of all rows.
    totals
        (T,) what the curve is over.
    agreement
        Agreement (T,) of the two halves of a view (n, D), summed over rows.
    kind, n_rows
        Kind of the `pieces` that the repeats are, and the rows that one goes through.
    rng
        Draws halves and noise.
    """
    twins = GaussianTwins(inside, source.rows_by_class())
    excess = np.zeros((N_REPEATS, len(totals)))
    for repeat in range(N_REPEATS):
        half, noise = halves(source.labels, rng), twins.drawn(rng)

        def measure(on_rows: Told, noise: FloatArray = noise, half: BoolArray = half) -> Arrays:
            real = agreement(soft_rows(inside), half)
            on_rows(n_rows // 2)
            return {"excess": (real - agreement(soft_rows(noise), half)) / len(inside)}

        excess[repeat] = pieces.made(kind, repeat, n_rows, measure)["excess"]
    spread = excess.std(axis=0, ddof=1) / np.sqrt(N_REPEATS)
    error = float(np.sqrt((spread**2).mean()))  # pooled over the totals
    return StabilityCurve(totals, np.asarray(excess.mean(axis=0), np.float32), error)


def some_classes(
    inside: FloatArray, source: LabelSource, rng: np.random.Generator, *, most: int | None = None
) -> tuple[FloatArray, LabelSource, IntArray]:
    """Return at most `most` coarse classes with all rows, and which; None = `MOST_COARSE`."""
    most = most or MOST_COARSE
    kept = np.arange(source.n_coarse)
    if source.n_coarse <= most:
        return inside, source, kept
    kept = np.sort(rng.permutation(source.n_coarse)[:most])
    rows = np.flatnonzero(np.isin(source.labels, kept))
    labels = np.searchsorted(kept, source.labels[rows])
    names = tuple(source.names[q] for q in kept)
    return inside[rows], LabelSource(source.name, labels, names), kept


def candidate_totals(sizes: IntArray) -> IntArray:
    """Return up to 16 totals, C + 1 and up in equal ratios, as far as the samples go."""
    n_coarse = len(sizes)
    room = int(sizes.sum()) // ROWS_PER_FINE_CLASS
    most = max(n_coarse + 1, min(room, MOST_PER_COARSE * n_coarse))
    return np.unique(np.geomspace(n_coarse + 1, most, N_TOTALS).round()).astype(np.int64)


class GaussianTwins:
    """Noise with the covariance of rows inside each coarse class.

    Parameters
    ----------
    vectors
        (N, D) float32.
    groups
        Rows of each coarse class.
    """

    def __init__(self, vectors: FloatArray, groups: list[IntArray]) -> None:
        self._shape, self._groups = vectors.shape, groups
        inner = (vectors[rows] - vectors[rows].mean(axis=0) for rows in groups)
        self._factors = [np.linalg.svd(rows, full_matrices=False)[1:] for rows in inner]

    def drawn(self, rng: np.random.Generator) -> FloatArray:
        """Return noise (N, D)."""
        noise = np.empty(self._shape, np.float32)
        for rows, (scale, axes) in zip(self._groups, self._factors, strict=True):
            draws = rng.standard_normal((len(rows), len(scale)))
            noise[rows] = (draws * scale / np.sqrt(len(rows))) @ axes
        return noise


def halves(labels: IntArray, rng: np.random.Generator) -> BoolArray:
    """Return (N,) bool that halves every coarse class."""
    order = np.lexsort((rng.random(len(labels)), labels))
    first = np.searchsorted(labels[order], labels[order])
    half = np.empty(len(labels), np.bool_)
    half[order] = (np.arange(len(labels)) - first) % 2 == 0
    return half


def _agreement(
    view: FloatArray, source: LabelSource, half: BoolArray, totals: IntArray
) -> FloatArray:
    """Return (T, C) adjusted Rand indices of the two halves' labellings; 0 where none splits."""
    groups = source.rows_by_class()
    fits = [HalfTrees(view, source, rows) for rows in map(np.flatnonzero, (half, ~half))]
    counts = np.array([[fit.counts(int(total)) for total in totals] for fit in fits])  # (2, T, C)
    labels = np.zeros((2, len(totals), len(view)), np.int64)
    for q, rows in enumerate(groups):
        for fit, count, label in zip(fits, counts[:, :, q], labels, strict=True):
            label[:, rows] = fit.labels(q, count, view[rows])
    agree = [adjusted_rand_by_class(one, two, source) for one, two in zip(*labels, strict=True)]
    return np.asarray(agree * (counts.max(axis=0) > 1), np.float32)


def adjusted_rand_by_class(one: IntArray, two: IntArray, source: LabelSource) -> FloatArray:
    """Return (C,) the adjusted Rand index of two labellings (N,) inside each coarse class.

    All classes at once: thousands of them, each judged at every total, are too many for calls.
    """
    n_coarse, q = source.n_coarse, source.labels

    def pairs(*labels: IntArray) -> NDArray[np.float64]:
        code, per_class = q, 1
        for label in labels:
            width = int(label.max()) + 1
            code, per_class = code * width + label, per_class * width
        cells, n = np.unique(code, return_counts=True)
        found = np.bincount(cells // per_class, n * (n - 1) / 2, minlength=n_coarse)
        return np.asarray(found, np.float64)

    both, first, second, every = pairs(one, two), pairs(one), pairs(two), pairs()
    chance = first * second / np.maximum(every, 1)
    top = (first + second) / 2 - chance
    alike = (both == first) & (both == second)
    index = np.divide(both - chance, top, out=np.ones_like(both), where=~alike & (top != 0))
    return np.asarray(index, np.float32)


class HalfTrees:
    """Ward's trees of one half's smoothed rows."""

    def __init__(self, view: FloatArray, source: LabelSource, rows: IntArray) -> None:
        part = source.at(rows)
        space = View(view[rows], view[rows], "kept").space(part, N_STEPS)
        self.spaces = [space[own] for own in part.rows_by_class()]
        self.trees = [ward_tree(space) for space in self.spaces]

    def counts(self, n_fine: int) -> IntArray:
        """Clusters of each coarse class where one height leaves `n_fine` in all."""
        threshold = common_cost([tree.costs for tree in self.trees], n_fine)
        return np.array([1 + int((tree.costs >= threshold).sum()) for tree in self.trees])

    def labels(self, q: int, counts: IntArray, rows: FloatArray) -> IntArray:
        """Nearest cluster mean (T, n) of each row (n, D), where the tree is cut into `counts`."""
        wanted, place = np.unique(counts, return_inverse=True)
        found = np.zeros((len(wanted), len(rows)), np.int64)
        if wanted[-1] > 1:
            nodes, cuts = nested_means(self.trees[q], self.spaces[q], int(wanted[-1]))
            distance = (nodes**2).sum(axis=1) - 2 * rows @ nodes.T
            for label, count in zip(found, wanted, strict=True):
                label[:] = distance[:, cuts[count - 1]].argmin(axis=1)
        return found[place]
