"""The structure step: how many fine classes each coarse class holds, and a first partition.

    reduce -> learn the shared metric -> counts -> portfolio of partitions -> consensus

It runs on at most `max_rows` samples; the head learns from its answer and extends it to all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from falcon_svc.discovery.allocation import allocate, evidence_weight, split_evidence
from falcon_svc.discovery.metric import SharedMetric, centred, unit_rows
from falcon_svc.discovery.partition import (
    class_pca, consensus, learn_metric, portfolio, sharpened, trees_of,
)
from falcon_svc.discovery.size_prior import (
    dispersion_of_counts, estimate_dispersion, log_size_prior, size_exponent,
)
from falcon_svc.types import FloatArray, IntArray, LabelSource

MAX_DIM = 128
N_STARTS = 2
MAX_COUNT = 80
COUNT_ROUNDS = 2


@dataclass(frozen=True)
class Structure:
    """Parameters
    ----------
    fine
        (n,) fine ids of the rows worked on; class q owns counts[q] consecutive ids.
    counts
        (C,) fine classes per coarse class.
    dispersion
        Estimated coefficient of variation of the fine classes' sizes.
    metric
        The shared metric of the final partition, in the reduced space.
    """

    fine: IntArray
    counts: IntArray
    dispersion: float
    metric: SharedMetric


def find_structure(
    raw: FloatArray, source: LabelSource, n_fine: int, low: IntArray, high: IntArray, *,
    seed: int, on_part: Callable[[], None] = lambda: None,
) -> Structure:
    inside = reduced(unit_rows(raw - raw.mean(axis=0)), source)
    sizes = np.bincount(source.labels, minlength=source.n_coarse)
    if np.array_equal(low, high):
        counts, dispersion = low, dispersion_of_counts(sizes, low)
        exponent = max(0.5, size_exponent(dispersion))
    else:
        counts, dispersion = share_out(inside, source, n_fine, low, high, seed=seed)
        exponent = size_exponent(dispersion)
    parts = portfolio(inside, raw, source, counts, exponent=exponent, n_starts=N_STARTS, seed=seed, on_part=on_part)
    fine = consensus(parts, source.rows_by_class(), counts, exponent, seed)
    return Structure(fine, counts, dispersion, learn_metric(inside, fine))


def reduced(vectors: FloatArray, source: LabelSource) -> FloatArray:
    inside = centred(vectors, source.labels)
    if inside.shape[1] > MAX_DIM:
        inside = PCA(MAX_DIM, random_state=0).fit_transform(inside).astype(np.float32)
    return inside


def share_out(inside, source, n_fine, low, high, *, seed):
    sizes = np.bincount(source.labels, minlength=source.n_coarse)
    max_count = int(high.max())
    dispersion = estimate_dispersion(sizes, n_fine, max_count)
    prior = log_size_prior(sizes, n_fine, dispersion, max_count)
    counts = allocate(prior, n_fine, low, high)
    exponent, groups = size_exponent(dispersion), source.rows_by_class()
    view = class_pca(inside, groups)
    for _ in range(COUNT_ROUNDS):
        *_, (fine, space) = sharpened(inside, view, source, counts, exponent=exponent, seed=seed)
        evidence = split_evidence(trees_of(space, groups, exponent), n_fine, max_count)
        counts = allocate(prior + evidence_weight(dispersion) * evidence, n_fine, low, high)
        view = learn_metric(inside, fine).apply(inside)
    return counts, dispersion
