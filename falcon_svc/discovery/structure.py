"""The structure step: how many fine classes each coarse class holds, and a first partition.

    reduce -> total (if unknown) -> shared metric and counts -> portfolio -> consensus

Place: between the features and head training. It works on a sample of the rows; the head learns
from its answer and extends it to all of them. Why it looks as it does, and what each part is
worth in accuracy, is in docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from sklearn.decomposition import PCA

from falcon_svc.discovery.allocation import (
    allocate,
    evidence_weight,
    plausible_counts,
    split_evidence,
)
from falcon_svc.discovery.count_bounds import CountBounds
from falcon_svc.discovery.count_estimate import TotalEstimate, estimate_total
from falcon_svc.discovery.metric import centred, unit_rows
from falcon_svc.discovery.partition import (
    class_pca,
    consensus,
    learn_metric,
    portfolio,
    sharpened,
    trees_of,
)
from falcon_svc.discovery.size_prior import (
    dispersion_of_counts,
    estimate_dispersion,
    log_size_evidence,
    log_size_prior,
    size_exponent,
)
from falcon_svc.discovery.stability import class_stability
from falcon_svc.types import FloatArray, IntArray, LabelSource

MAX_DIM = 128
N_STARTS = 2
COUNT_ROUNDS = 2
MAX_COUNT = 200
TOTAL_WIDTH = 0.15  # of log F around its estimate
LEAST_EXPONENT_KNOWN = 0.25  # with known counts no cluster is left over to be kept tiny


@dataclass(frozen=True)
class Counts:
    """How many fine classes each coarse class holds.

    Parameters
    ----------
    n_fine, low, high
        (C,) int64: the counts used, and the range that the data do not rule out.
    dispersion
        Estimated coefficient of variation of fine class sizes.
    exponent
        Size exponent of the merge trees that follows from it.
    total_estimated
        Whether the total was estimated, not given.
    """

    n_fine: IntArray
    low: IntArray
    high: IntArray
    dispersion: float
    exponent: float
    total_estimated: bool


@dataclass(frozen=True)
class Structure:
    """Counts and a partition of the rows worked on.

    Parameters
    ----------
    fine
        (n,) int64 fine ids; coarse class q owns `counts.n_fine[q]` consecutive ones.
    counts
        Per coarse class.
    stability
        (F,) how well each class comes back over the portfolio, in [0, 1].
    """

    fine: IntArray
    counts: Counts
    stability: FloatArray


def find_structure(
    raw: FloatArray,
    source: LabelSource,
    bounds: CountBounds,
    *,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> Structure:
    """Find counts and partition.

    Parameters
    ----------
    raw
        (n, D) features as they came.
    source
        Coarse labels, every row labelled.
    bounds
        What the user knows about the counts.
    seed
        Of everything random here.
    on_step
        Called after each candidate total and each view.

    Raises
    ------
    ValueError
        The bounds leave no counts that the rows can fill.
    """
    inside = reduced(unit_rows(raw - raw.mean(axis=0)), source)
    counts = find_counts(inside, source, bounds, seed=seed, on_step=on_step)
    groups = source.rows_by_class()
    parts = portfolio(
        inside,
        raw,
        source,
        counts.n_fine,
        exponent=counts.exponent,
        n_starts=N_STARTS,
        seed=seed,
        on_part=on_step,
    )
    fine = consensus(parts, groups, counts.n_fine, counts.exponent, seed)
    return Structure(fine, counts, class_stability(fine, parts, int(counts.n_fine.sum())))


def reduced(vectors: FloatArray, source: LabelSource) -> FloatArray:
    """Return (n, min(D, 128)) rows centred inside each coarse class, in principal axes."""
    inside = centred(vectors, source.labels)
    if min(inside.shape) <= MAX_DIM:
        return inside
    return np.asarray(PCA(MAX_DIM, random_state=0).fit_transform(inside), np.float32)


def find_counts(
    inside: FloatArray,
    source: LabelSource,
    bounds: CountBounds,
    *,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> Counts:
    """Return the given counts, or share a given or estimated total out."""
    sizes = np.bincount(source.labels, minlength=source.n_coarse)
    if bounds.fixed:
        dispersion = dispersion_of_counts(sizes, bounds.low)
        exponent = max(LEAST_EXPONENT_KNOWN, size_exponent(dispersion))
        return Counts(bounds.low, bounds.low, bounds.high, dispersion, exponent, False)
    low, high = bounds.low, np.minimum(bounds.high, np.maximum(bounds.low, MAX_COUNT))
    total = bounds.total
    if total is None:
        estimate = estimate_total(inside, source, seed=seed, on_candidate=on_step)
        high = np.where(estimate.structured | bounds.given, high, low)
        total = int(np.clip(whole_total(sizes, estimate), low.sum(), high.sum()))
    shared = _share_out(inside, source, total, low, high, seed=seed)
    return replace(shared, total_estimated=bounds.total is None)


def whole_total(sizes: IntArray, estimate: TotalEstimate) -> int:
    """Return the total in the estimate's range that the coarse sizes speak for.

    Maximises the log evidence of the sizes minus ``(log(F / F_0) / w)^2 / 2`` with F_0 the
    estimate and w = 0.15: where all shares become whole numbers close by, F goes there; where
    none do, it stays.
    """
    totals = np.arange(estimate.n_fine, estimate.high + 1)
    evidence = [log_size_evidence(sizes, int(f), min(MAX_COUNT, int(f))) for f in totals]
    distance = np.log(totals / estimate.n_fine) / TOTAL_WIDTH
    return int(totals[np.argmax(np.array(evidence) - distance**2 / 2)])


def _share_out(
    inside: FloatArray,
    source: LabelSource,
    total: int,
    low: IntArray,
    high: IntArray,
    *,
    seed: int,
) -> Counts:
    """Allocate by sizes, then by sizes and the merge trees of the shared metric, twice."""
    sizes, max_count = np.bincount(source.labels, minlength=source.n_coarse), int(high.max())
    dispersion = estimate_dispersion(sizes, total, max_count)
    exponent, groups = size_exponent(dispersion), source.rows_by_class()
    score = prior = log_size_prior(sizes, total, dispersion, max_count)
    counts = allocate(score, total, low, high)
    view = class_pca(inside, groups)
    for _ in range(COUNT_ROUNDS):
        *_, (fine, space) = sharpened(inside, view, source, counts, exponent=exponent, seed=seed)
        evidence = split_evidence(trees_of(space, groups, exponent), total, max_count)
        score = prior + evidence_weight(dispersion) * evidence
        counts = allocate(score, total, low, high)
        view = learn_metric(inside, fine).apply(inside)
    least, most = plausible_counts(score, total, low, high)
    return Counts(counts, least, most, dispersion, exponent, False)
