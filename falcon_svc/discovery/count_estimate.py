"""How many fine classes in all, when nobody said: stability beyond that of noise.

For a candidate total F the coarse classes get proportional shares. Each class is split twice, by
k-means fitted on two random halves, and both fits label all of its samples; their agreement
(adjusted Rand index) is the class's stability. Noise of the same covariance goes the same way.
The score of F is the excess of the first over the second, averaged over samples: a wrong number
is unstable, and a number that is stable only because ellipses can be halved earns nothing. The
estimate is the smallest F whose score is within one standard error of the best (the rule of
Breiman et al. 1984); the error is pooled over candidates, as four repeats say little about one.
A coarse class that never does better than noise holds one fine class.

Stability: Lange et al., Neural Computation 16, 2004; reference data: Tibshirani et al. 2001.
Pooling over coarse classes is ours: one class alone is too noisy to tell. Figures in
docs/decisions/0004-number-of-classes.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.partition import class_pca, smooth_space
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

N_REPEATS = 4
GRID_RATIO = 1.2
FEWEST_SHARE = 1.5  # the smallest candidate is this many fine classes per coarse class
ROWS_PER_FINE_CLASS = 12  # the largest candidate leaves this many samples per fine class
MOST_PER_COARSE = 40
TOLERANCE_SE = 1.0
NOISE_SE = 2.0
STRUCTURED_SHARE = 0.15


@dataclass(frozen=True)
class TotalEstimate:
    """An estimate of F.

    Parameters
    ----------
    n_fine
        The estimate.
    low, high
        Smallest and largest candidate that cannot be told from the best one.
    structured
        (C,) bool: False where a coarse class looks like noise, so holds one fine class.
    totals, scores
        (T,) candidates and their excess stability.
    """

    n_fine: int
    low: int
    high: int
    structured: BoolArray
    totals: IntArray
    scores: FloatArray


def estimate_total(
    inside: FloatArray,
    source: LabelSource,
    *,
    seed: int,
    on_candidate: Callable[[], None] = lambda: None,
) -> TotalEstimate:
    """Estimate F from features alone.

    Parameters
    ----------
    inside
        (N, D) features centred inside each coarse class.
    source
        Coarse labels, every row labelled.
    seed
        Of halves, noise and k-means.
    on_candidate
        Called after each candidate of each repeat.
    """
    rng = np.random.default_rng(seed)
    groups = source.rows_by_class()
    sizes = np.array([len(rows) for rows in groups])
    totals = candidate_totals(sizes)
    excess = np.full((N_REPEATS, len(totals), len(groups)), np.nan)
    real = class_pca(inside, groups)
    for repeat in range(N_REPEATS):
        noise = class_pca(gaussian_twin(inside, groups, rng), groups)
        halves = _halves(source.labels, rng)
        pairs = [_HalfFits(view, source, halves) for view in (real, noise)]
        for t, total in enumerate(totals):
            counts = proportional_counts(sizes, int(total))
            fits = [pair.agreement(groups, counts, seed + repeat) for pair in pairs]
            excess[repeat, t] = fits[0] - fits[1]
            on_candidate()
    return _conclude(totals, excess, sizes)


def proportional_counts(sizes: IntArray, n_fine: int) -> IntArray:
    """Return counts (C,) >= 1 close to n_fine N_q / N that add up to max(n_fine, C)."""
    counts = np.ones(len(sizes), np.int64)
    wanted = sizes * n_fine / sizes.sum()
    while counts.sum() < n_fine:
        counts[np.argmax(wanted - counts)] += 1
    return counts


def candidate_totals(sizes: IntArray) -> IntArray:
    """Return totals from 1.5 C up in steps of 20 %, as far as the samples go; at least one."""
    n_coarse = len(sizes)
    most = max(n_coarse + 1, min(sizes.sum() // ROWS_PER_FINE_CLASS, MOST_PER_COARSE * n_coarse))
    fewest = min(FEWEST_SHARE * n_coarse, most)
    n_steps = int(np.log(most / fewest) / np.log(GRID_RATIO))
    totals = fewest * GRID_RATIO ** np.arange(n_steps + 1)
    return np.unique(np.clip(totals.round(), n_coarse + 1, most)).astype(np.int64)


def gaussian_twin(
    vectors: FloatArray, groups: list[IntArray], rng: np.random.Generator
) -> FloatArray:
    """Return noise (N, D) with the covariance of `vectors` inside each coarse class."""
    noise = np.empty_like(vectors)
    for rows in groups:
        inner = vectors[rows] - vectors[rows].mean(axis=0)
        _, scale, axes = np.linalg.svd(inner, full_matrices=False)
        draws = rng.standard_normal((len(rows), len(scale)))
        noise[rows] = (draws * scale / np.sqrt(len(rows))) @ axes
    return noise


def _halves(labels: IntArray, rng: np.random.Generator) -> BoolArray:
    """Return (N,) bool that halves every coarse class."""
    order = np.lexsort((rng.random(len(labels)), labels))
    first = np.searchsorted(labels[order], labels[order])
    half = np.empty(len(labels), np.bool_)
    half[order] = (np.arange(len(labels)) - first) % 2 == 0
    return half


class _HalfFits:
    """A view and its two halves, each smoothed within itself."""

    def __init__(self, view: FloatArray, source: LabelSource, half: BoolArray) -> None:
        self.view, self.half = view, half
        self.smooth = np.empty_like(view)
        for rows in (np.flatnonzero(half), np.flatnonzero(~half)):
            part = LabelSource(source.name, source.labels[rows], source.names)
            self.smooth[rows] = smooth_space(view[rows], part)

    def agreement(self, groups: list[IntArray], counts: IntArray, seed: int) -> FloatArray:
        """Return (C,) adjusted Rand indices of the two fits; NaN where a class is not split."""
        pairs = zip(groups, counts, strict=True)
        return np.array([self._class_agreement(rows, int(k), seed) for rows, k in pairs])

    def _class_agreement(self, rows: IntArray, count: int, seed: int) -> float:
        halves = [rows[self.half[rows]], rows[~self.half[rows]]]
        if count < 2 or min(len(half) for half in halves) <= count:
            return float("nan")
        fits = [KMeans(count, n_init=1, random_state=seed).fit(self.smooth[h]) for h in halves]
        return float(adjusted_rand_score(*(fit.predict(self.view[rows]) for fit in fits)))


def _conclude(totals: IntArray, excess: FloatArray, sizes: IntArray) -> TotalEstimate:
    pooled = np.nan_to_num(excess) @ sizes / sizes.sum()  # (repeats, T)
    scores, error = _mean_and_error(pooled)
    tolerance = TOLERANCE_SE * float(np.sqrt((error**2).mean()))
    close = np.flatnonzero(scores >= scores.max() - tolerance)
    structured = _above_noise(excess)
    n_fine = int(totals[close[0]]) if structured.any() else len(sizes)
    return TotalEstimate(
        n_fine=n_fine,
        low=n_fine,
        high=int(totals[close[-1]]) if structured.any() else len(sizes),
        structured=structured,
        totals=totals,
        scores=scores,
    )


def _mean_and_error(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _above_noise(excess: FloatArray) -> BoolArray:
    """Which classes have structure, from their mean excess over all candidates.

    All are noise if the average class is within `NOISE_SE` standard errors of nothing. Otherwise
    a class is noise if it is, unless it has `STRUCTURED_SHARE` of what the better classes have:
    few samples make large errors. Errors are pooled, as four repeats say little about one class.
    """
    per_repeat = np.nan_to_num(excess).mean(axis=1)  # (repeats, C)
    mean, error = _mean_and_error(per_repeat)
    margin = NOISE_SE * float(np.sqrt((error**2).mean()))
    if mean.mean() <= margin / np.sqrt(len(mean)):
        return np.zeros(len(mean), np.bool_)
    return np.asarray(mean > min(margin, STRUCTURED_SHARE * float(np.quantile(mean, 0.75))))
