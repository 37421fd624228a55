"""Which total, where the sizes of coarse classes say that fine classes are of equal size.

Of fine classes of equal size a coarse class holds F N_q / N, so F is one of the few totals that
make all shares whole. Which one: three things add up in the log.

- The posterior density of log F (`posterior`).
- Chance: that all counts of a total are multiples of m, while one m times as small is true, is a
  coincidence for each of the d different counts but one, so a total has ``-(d - 1) log F``.
- Stability of equal parts. Halves of the data are cut into equal parts, Ward's clusters made
  equally large (`rebalanced`), and label all rows by the nearest mean; the score is the adjusted
  Rand index of the two labellings, less that of Gaussian noise of the same covariance. As in the
  posterior it counts by the errors (`LEAST_ERROR` and the standard error) it is below the best,
  with the weight that was fitted there.

At one common height, as in `total_stability`, sizes are free, and the curve over totals is flat
where this one has its peak at the truth. Ours; figures: docs/decisions/0004-number-of-classes.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.counts.posterior import stability_drop
from falcon_svc.discovery.counts.size_prior import (
    LOG_CHANCE_ESTIMATED,
    log_chance_of_whole_shares,
)
from falcon_svc.discovery.counts.split_model import split_model
from falcon_svc.discovery.counts.total_stability import (
    HalfTrees,
    StabilityCurve,
    adjusted_rand_by_class,
    excess_curve,
    some_classes,
)
from falcon_svc.discovery.partition.balanced_kmeans import rebalanced
from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

LEAST_ERROR = 0.03
"""Differences this small between totals say little, however well the repeats agree."""

Float = NDArray[np.float64]


@dataclass(frozen=True)
class WholeTotals:
    """Totals that make all shares whole.

    Parameters
    ----------
    totals
        (T,) ascending; empty where sizes do not look equal.
    counts
        (T, C) fine classes of each coarse class.
    log_prior
        (T,) what speaks for each before any partition is made, up to a constant.
    """

    totals: IntArray
    counts: IntArray
    log_prior: Float

    def best(self, curve: StabilityCurve) -> int:
        """Return the total that the prior and the stability of equal parts speak for."""
        weight = split_model().shift["stability_drop"]
        drop = stability_drop(np.asarray(curve.scores, np.float64), curve, LEAST_ERROR)
        return int(self.totals[np.argmax(self.log_prior + weight * drop)])


def whole_totals(sizes: IntArray, totals: IntArray, log_density: Float) -> WholeTotals:
    """Return those of `totals` whose shares are whole, and wholer than their neighbors'.

    Parameters
    ----------
    sizes
        (C,) samples per coarse class.
    totals
        (T,) consecutive candidates.
    log_density
        (T,) log posterior density of log F.
    """
    chance = np.array([log_chance_of_whole_shares(sizes, int(f)) for f in totals])
    beside = np.pad(chance, 1, constant_values=0.0)
    least = (chance <= beside[:-2]) & (chance <= beside[2:])  # 100 is whole, and 101 nearly
    whole = np.flatnonzero((chance < LOG_CHANCE_ESTIMATED) & least)
    counts = np.rint(totals[whole, None] * (sizes / sizes.sum())).astype(np.int64)
    different = np.array([len(np.unique(row)) for row in counts])
    chosen = totals[whole]
    return WholeTotals(chosen, counts, log_density[whole] - (different - 1) * np.log(chosen))


def even_stability(
    inside: FloatArray,
    source: LabelSource,
    whole: WholeTotals,
    *,
    seed: int,
    pieces: Pieces,
) -> StabilityCurve:
    """Return the excess stability of equal parts at each whole total.

    Parameters
    ----------
    inside
        (n, D) features centred inside each coarse class.
    source
        Coarse labels, every row labelled.
    whole
        The totals and their counts.
    seed
        Seed of halves and noise.
    pieces
        Each repeat is one of them.
    """
    rng = np.random.default_rng(seed)
    inside, source, kept = some_classes(inside, source, rng)
    counts, n_rows = whole.counts[:, kept], len(inside) * len(whole.totals)

    def agreement(view: FloatArray, half: BoolArray) -> Float:
        return _agreement(view, source, half, counts)

    return excess_curve(inside, source, whole.totals, agreement, "even", n_rows, rng, pieces)


def _agreement(view: FloatArray, source: LabelSource, half: BoolArray, counts: IntArray) -> Float:
    """Sum over rows of the adjusted Rand index of both halves' labellings, per total (T,)."""
    fits = [HalfTrees(view, source, rows) for rows in map(np.flatnonzero, (half, ~half))]
    sizes = np.bincount(source.labels, minlength=source.n_coarse)
    found = np.zeros(len(counts))
    for t, parts in enumerate(counts):
        one, two = (_equal_parts(fit, parts, view, source) for fit in fits)
        index = adjusted_rand_by_class(one, two, source) * (parts > 1)
        found[t] = index @ sizes
    return found


def _equal_parts(
    fit: HalfTrees, counts: IntArray, view: FloatArray, source: LabelSource
) -> IntArray:
    """Nearest mean (n,) of all rows, of the equal parts that one half is cut into."""
    counts = np.minimum(counts, [len(tree.group) for tree in fit.trees])
    ward = [tree.cut(int(k)) for tree, k in zip(fit.trees, counts, strict=True)]
    labels = np.zeros(len(view), np.int64)
    own = zip(fit.spaces, rebalanced(fit.spaces, counts, ward), counts, strict=True)
    for rows, (space, parts, k) in zip(source.rows_by_class(), own, strict=True):
        if k > 1:
            means = class_means(space, parts, int(k))
            labels[rows] = ((means**2).sum(axis=1) - 2 * view[rows] @ means.T).argmin(axis=1)
    return labels
