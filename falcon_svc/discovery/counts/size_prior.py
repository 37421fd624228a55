"""What the sizes of the coarse classes alone say about how many fine classes each one holds.

Fine classes of mean size m = N/F vary around it with coefficient of variation v (`dispersion`).
A coarse class of N_q samples with k fine classes then has, by matching the moments of a sum of k
independent sizes with a log-normal law,

    log N_q ~ Normal(log(k m) - s^2 / 2, s^2),   s^2 = log(1 + v^2 / k).

The dispersion itself is learned from how close the shares F N_q / N come to whole numbers:
where ten classes all hold fifteen times the mean, sizes are equal and proportional counts can
be trusted; where the shares are fractions, sizes vary and geometry has to say more. Ours; the
paper instead assumes equally many fine classes per coarse class (its balance term).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from falcon_svc.types import FloatArray, IntArray, Sizes

DISPERSIONS = np.array(
    [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3], np.float64
)
TYPICAL_DISPERSION = 0.4  # centre of a log-normal hyper-prior of width 1
LOG_HYPER_PRIOR = -0.5 * (np.log(DISPERSIONS) - np.log(TYPICAL_DISPERSION)) ** 2
FINEST_VARIANCE = 1e-4  # of log N_q: shares within 1 % of a whole number count as whole


def log_size_prior(sizes: IntArray, n_fine: int, dispersion: float, max_count: int) -> FloatArray:
    """Return (C, max_count): entry [q, k-1] is log p(N_q | k fine classes), up to a constant.

    Parameters
    ----------
    sizes
        (C,) samples per coarse class.
    n_fine
        F, which fixes the mean size m = N/F.
    dispersion
        v > 0, standard deviation of fine class sizes over their mean.
    max_count
        Largest count k considered.
    """
    counts = np.arange(1, max_count + 1)
    mean_size = sizes.sum() / n_fine
    variance = np.log1p(dispersion**2 / counts) + FINEST_VARIANCE
    surprise = np.log(sizes[:, None] / (counts * mean_size)) + variance / 2
    return np.asarray(-0.5 * surprise**2 / variance - 0.5 * np.log(variance))


def estimate_dispersion(sizes: IntArray, n_fine: int, max_count: int) -> float:
    """Return v, the posterior geometric mean over `DISPERSIONS` given the coarse sizes and F."""
    return _posterior_mean(_evidence(sizes, n_fine, max_count))


def _evidence(sizes: IntArray, n_fine: int, max_count: int) -> FloatArray:
    """Log p(coarse sizes | F, v) for each v of `DISPERSIONS`."""
    shares = sizes[:, None] * n_fine / sizes.sum()
    counts = np.arange(1, max_count + 1)
    log_count = -0.5 * ((counts - shares) / (1 + np.sqrt(shares))) ** 2
    log_count -= logsumexp(log_count, axis=1, keepdims=True)
    return np.array(
        [
            logsumexp(log_size_prior(sizes, n_fine, v, max_count) + log_count, axis=1).sum()
            for v in DISPERSIONS
        ]
    )


def dispersion_of_counts(sizes: IntArray, counts: IntArray) -> float:
    """Return v when the counts are known: the posterior mean given N_q and n_q together."""
    n_fine, rows = int(counts.sum()), np.arange(len(sizes))
    evidence = np.array(
        [
            log_size_prior(sizes, n_fine, v, int(counts.max()))[rows, counts - 1].sum()
            for v in DISPERSIONS
        ]
    )
    return _posterior_mean(evidence)


def _posterior_mean(evidence: FloatArray) -> float:
    posterior = evidence + LOG_HYPER_PRIOR
    weight = np.exp(posterior - logsumexp(posterior))
    return float(np.exp((weight * np.log(DISPERSIONS)).sum()))


EQUAL_GIVEN_COUNTS = 0.35
"""Largest dispersion of sizes that count as equal where the counts are given."""

MIXED = 0.6
"""Up to here given counts leave open whether sizes are equal: both kinds of votes are asked. From
here on coarse sizes and a given total show that some fine classes are far smaller than others."""

NATURAL, LONG_TAIL = 0.8, 1.3

LOG_CHANCE_GIVEN, LOG_CHANCE_ESTIMATED = math.log(0.05), -12.0
"""Whole shares this improbable by chance make sizes count as equal: at a given total, and at one
of the totals near an estimate. There many are tried: the best one has -19 to -88 on sets of equal
classes, and -9 to 0 on sets of unequal ones (docs/decisions/0003-structure.md)."""


def log_chance_of_whole_shares(sizes: IntArray, n_fine: int) -> float:
    """Return the log probability that shares F N_q / N come as near to whole numbers by chance.

    Shares that have nothing to do with whole numbers miss the nearest one by d_q, uniform in
    [-1/2, 1/2] and summing to a whole number. The chance of an error no longer than theirs is the
    volume of a ball of C - 1 dimensions,

        pi^(n/2) r^n / Gamma(n/2 + 1),   n = C - 1,  r^2 = sum_q d_q^2 + C (F / 2N)^2,

    at most 1; the last term is what counting whole samples leaves open. Dispersion alone does not
    tell: where a coarse class holds many fine ones, any share is near a whole number, relatively.

    Parameters
    ----------
    sizes
        (C,) samples per coarse class.
    n_fine
        F. One coarse class, or shares below 1/2, say nothing: 0.
    """
    shares = sizes * n_fine / sizes.sum()
    n = len(sizes) - 1
    if n == 0 or shares.min() < 0.5:
        return 0.0
    missed = float(((shares - shares.round()) ** 2).sum())
    missed += len(sizes) * (n_fine / (2 * sizes.sum())) ** 2
    volume = n / 2 * math.log(math.pi * missed) - math.lgamma(n / 2 + 1)
    return min(0.0, volume)


def told_dispersion(estimate: float, sizes: Sizes) -> float:
    """Return the dispersion to work with: what the user says of the sizes, else the estimate."""
    if sizes == "equal":
        return float(DISPERSIONS[0])
    if sizes == "long tail":
        return max(estimate, LONG_TAIL)
    return max(estimate, NATURAL) if sizes == "natural" else estimate
