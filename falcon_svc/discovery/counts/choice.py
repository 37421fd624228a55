"""From what is known about the counts to one count per coarse class, with intervals and verdicts.

Counts are given, or a given total is shared out, or nothing is given and the posterior decides. A
user's bounds hold in all three. Intervals are points of the posterior (`INTERVAL`), which
doubts the whole data set along with each coarse class; where a total is given, of the posterior
at the shift that expects it, weighed with what the coarse sizes say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.counts.allocation import allocate
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.counts.posterior import (
    INTERVAL,
    MOST_COUNT,
    TOTAL_INTERVAL,
    CountPosterior,
    quantile,
)
from falcon_svc.discovery.counts.size_prior import (
    LOG_CHANCE_GIVEN,
    LONG_TAIL,
    MIXED,
    NATURAL,
    estimate_dispersion,
    log_chance_of_whole_shares,
    log_size_prior,
    told_dispersion,
)
from falcon_svc.discovery.counts.total_stability import StabilityCurve
from falcon_svc.discovery.counts.whole_totals import WholeTotals, whole_totals
from falcon_svc.result.record import LEAST_CHANCE, TotalEstimate
from falcon_svc.types import FloatArray, IntArray, Sizes

Float = NDArray[np.floating[Any]]

VOTE_WEIGHT = 2.0
LEAST_PROBABILITY = 1e-9
SEARCHED = (0.1, 0.9)
"""Quantiles of the total between which the coarse sizes may move an estimate."""

CHEAPEST_POINT = 2 / 3
"""Of a coarse class's count, where nothing is given: a class too few costs about twice the accuracy
of one too many (NC-GCD, table 11); what costs least then is the point that parts a distribution
as 2 : 1."""

RUNNER_UP_RATIO = 1.2


@dataclass(frozen=True)
class Counts:
    """How many fine classes each coarse class holds.

    Parameters
    ----------
    n_fine, low, high
        (C,) int64: the counts used, and their 90 % intervals.
    whole
        (C,) probability that the coarse class holds one fine class; NaN where nobody asked.
    dispersion
        Coefficient of variation of fine class sizes to work with.
    equal
        Whether sizes count as equal.
    total
        The estimate of the total; None where it was given.
    """

    n_fine: IntArray
    low: IntArray
    high: IntArray
    whole: FloatArray
    dispersion: float
    equal: bool
    total: TotalEstimate | None = None


@dataclass(frozen=True)
class TotalChoice:
    """A total to work with.

    Parameters
    ----------
    n_fine
        F.
    dispersion
        Coefficient of variation of fine class sizes that goes with it.
    equal
        Whether sizes count as equal.
    estimated
        Whether nobody gave it.
    very_unequal
        Whether the coarse sizes and a total that was given, or the user, say that some fine classes
        are far smaller than others.
    supported
        The total up to which splits are more likely right than wrong, where one was given that is
        larger and sizes are not equal; else None.
    """

    n_fine: int
    dispersion: float
    equal: bool
    estimated: bool
    very_unequal: bool = False
    supported: int | None = None


def choose_total(
    sizes: IntArray,
    bounds: CountBounds,
    found: CountPosterior,
    judge: Callable[[WholeTotals], StabilityCurve],
) -> TotalChoice:
    """Return the given total, or the likely one, or a whole one near it.

    Parameters
    ----------
    sizes
        (C,) samples per coarse class.
    bounds
        What the user knows.
    found
        Posterior of the counts.
    judge
        Makes the stability of equal parts; called where several totals are whole.
    """
    if bounds.total is not None:
        return _given(sizes, bounds, bounds.total, found)
    total, equal = _estimated(sizes, bounds, found, judge)
    if bounds.sizes != "auto":
        equal = bounds.sizes == "equal"
    dispersion = told_dispersion(estimate_dispersion(sizes, total, _most(total)), bounds.sizes)
    return TotalChoice(total, dispersion, equal, estimated=True)


def equal_at_total(sizes: IntArray, total: int, told: Sizes) -> bool:
    """Return whether sizes count as equal at a total that was given."""
    if told != "auto":
        return told == "equal"
    return log_chance_of_whole_shares(sizes, total) < LOG_CHANCE_GIVEN


def _given(sizes: IntArray, bounds: CountBounds, total: int, found: CountPosterior) -> TotalChoice:
    estimate = estimate_dispersion(sizes, total, _most(total))
    dispersion = told_dispersion(estimate, bounds.sizes)
    if equal_at_total(sizes, total, bounds.sizes):
        return TotalChoice(total, dispersion, equal=True, estimated=False)
    very_unequal = estimate >= MIXED or bounds.sizes == "long tail"
    likely = _likely_total(bounds, found)
    supported = round((likely * total) ** 0.5) if likely < total else None
    return TotalChoice(total, dispersion, False, False, very_unequal, supported)


def _estimated(
    sizes: IntArray,
    bounds: CountBounds,
    found: CountPosterior,
    judge: Callable[[WholeTotals], StabilityCurve],
) -> tuple[int, bool]:
    """The likely total, or one near it that makes sizes look equal; and whether they do."""
    likely_total = _likely_total(bounds, found)
    if likely_total == _least(bounds):  # nothing says that anything is split, sizes least of all
        return likely_total, False
    every = np.arange(_least(bounds), max(int(found.mean_totals()[-1]), likely_total) + 2)
    below = found.total_probability(every)
    likely = (below >= SEARCHED[0]) & (below <= SEARCHED[1]) & (every <= bounds.high.sum())
    near = every[likely]
    if len(near) < 2:
        return likely_total, False
    density = np.gradient(below)[likely] * near  # of log F
    whole = whole_totals(sizes, near, np.log(density + LEAST_PROBABILITY))
    if not len(whole.totals):
        return likely_total, False
    one = len(whole.totals) == 1
    return int(whole.totals[0]) if one else whole.best(judge(whole)), True


def _most(n_fine: int) -> int:
    return int(min(MOST_COUNT, n_fine))


def _likely_total(bounds: CountBounds, found: CountPosterior) -> int:
    """The sum of the counts that are expected to cost least; one class where none is likely."""
    mode = found.counts.argmax(axis=1) + 1
    cheapest = np.maximum(quantile(found.counts, CHEAPEST_POINT), mode)
    likely = np.where(found.counts[:, 0] < LEAST_CHANCE, cheapest, 1)
    return int(np.clip(likely.sum(), _least(bounds), bounds.high.sum()))


def _least(bounds: CountBounds) -> int:
    return int(min(max(bounds.low.sum(), bounds.least_total), bounds.high.sum()))


def _size_score(sizes: IntArray, total: int, dispersion: float, found: CountPosterior) -> Float:
    """Log prior of the sizes, and of the posterior as much as sizes leave open: (C, K)."""
    score = log_size_prior(sizes, total, dispersion, found.by_shift.shape[2])
    weight = min(1.0, 8 * dispersion**2)
    return np.asarray(score + weight * np.log(found.at_total(total) + 1e-12))


def shared_by_sizes(
    sizes: IntArray, bounds: CountBounds, choice: TotalChoice, found: CountPosterior
) -> IntArray:
    """Return counts (C,) of a total where sizes are equal."""
    score = _size_score(sizes, choice.n_fine, choice.dispersion, found)
    return allocate(score, choice.n_fine, bounds.low, np.minimum(bounds.high, score.shape[1]))


def prior_beside_votes(
    sizes: IntArray, choice: TotalChoice, found: CountPosterior, most: int
) -> Float:
    """Return (C, <= most) log priors of the counts where sizes are unequal.

    The posterior of the counts where the total is estimated, and a weak prior of the sizes (a
    dispersion of at least 1.3) where it is given: the prior knows the total, the posterior does
    not.
    """
    if choice.estimated:
        return prior_at_total(found, choice.n_fine, most)
    spread = max(choice.dispersion, LONG_TAIL)
    return log_size_prior(sizes, choice.n_fine, spread, min(most, found.by_shift.shape[2]))


def prior_at_total(found: CountPosterior, n_fine: int, most: int) -> Float:
    """Return (C, <= most) log probabilities of the counts at the shift that expects `n_fine`."""
    return np.asarray(np.log(found.at_total(n_fine)[:, :most] + LEAST_PROBABILITY))


def shared_by_votes(votes: Float, prior: Float, n_fine: int, bounds: CountBounds) -> IntArray:
    """Return counts (C,) of a total where sizes are unequal.

    Parameters
    ----------
    votes
        (C, K) evidence of the vote trees, `allocation.split_evidence`.
    prior
        (C, K') log priors.
    n_fine
        F.
    bounds
        What the user knows.
    """
    most = min(votes.shape[1], prior.shape[1])
    score = VOTE_WEIGHT * votes[:, :most] + prior[:, :most]
    return allocate(score, n_fine, bounds.low, np.minimum(bounds.high, most))


def with_intervals(
    counts: IntArray, sizes: IntArray, choice: TotalChoice, found: CountPosterior
) -> Counts:
    """Return the counts used with intervals, and with the total's own doubt if it has any."""
    distribution = found.counts if choice.estimated else _at_given_total(sizes, choice, found)
    low, high = (quantile(distribution, share) for share in INTERVAL)
    return Counts(
        counts,
        np.minimum(low, counts),
        np.maximum(high, counts),
        np.asarray(distribution[:, 0], np.float32),
        choice.dispersion,
        choice.equal,
        total_estimate(found, int(counts.sum())) if choice.estimated else None,
    )


def _at_given_total(
    sizes: IntArray, choice: TotalChoice, found: CountPosterior
) -> NDArray[np.float64]:
    """The posterior at the shift that expects the total, and what the coarse sizes say: (C, K)."""
    spread = choice.dispersion if choice.equal else max(choice.dispersion, NATURAL)
    prior = log_size_prior(sizes, choice.n_fine, spread, found.by_shift.shape[2])
    weight = np.exp(prior - prior.max(axis=1, keepdims=True)) * found.at_total(choice.n_fine)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float64)


def counts_given(bounds: CountBounds, dispersion: float, equal: bool) -> Counts:
    """Return the counts that the user gave."""
    nobody_asked = np.full(len(bounds.low), np.nan, np.float32)
    return Counts(bounds.low, bounds.low, bounds.high, nobody_asked, dispersion, equal)


def total_estimate(found: CountPosterior, n_fine: int) -> TotalEstimate:
    """Return the total's curve, interval and runner-up."""
    rounded = found.mean_totals().round().astype(np.int64)
    totals, place = np.unique(rounded, return_inverse=True)
    probability = np.bincount(place, found.weight).astype(np.float64)
    every = np.arange(1, int(totals[-1]) * 2 + 2)
    below = found.total_probability(every)
    low, high = (int(every[np.argmax(below >= share - 1e-9)]) for share in TOTAL_INTERVAL)
    return TotalEstimate(
        n_fine,
        min(low, n_fine),
        max(high, n_fine),
        _runner_up(totals, probability, n_fine),
        totals,
        np.asarray(probability, np.float32),
        np.asarray(found.stability_at(totals), np.float32),
    )


def _runner_up(totals: IntArray, probability: Float, n_fine: int) -> int | None:
    ratio = totals / n_fine
    far = np.flatnonzero((ratio > RUNNER_UP_RATIO) | (ratio < 1 / RUNNER_UP_RATIO))
    return int(totals[far[np.argmax(probability[far])]]) if len(far) else None
