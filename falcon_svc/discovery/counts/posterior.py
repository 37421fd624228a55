r"""How many fine classes each coarse class holds, as a distribution.

Every split has a logit (`split_model`); one shift b, shared by the data set, is added to all. For
each b of a grid the counts of the coarse classes are independent and their distributions exact.
The shift's posterior,

.. math:: p(b) \propto \exp(-w_1 b^2 / 2 + w_2 b + w_3 s(F_b) + w_4 d(F_b)),

is its prior, learned with the logits, times what stability says of F_b, the expected total at b:
s is the excess stability (`total_stability`) over its best, d how many standard errors it is below
the best, at most 6. Weights come from the same fit: they maximise the probability of the true
counts. What is unsure about the whole data set is thereby in every interval, the total's included.

One more value of b is minus infinity: nothing is split anywhere. Its probability is what a test of
the whole data set against twins with one mode leaves of a half (`unimodal_twins`).

The root of a tree gets the mean of b and of a shift r that all coarse classes of the set share, so
that a set in which nothing else is split does not split one class by chance: the share of split
classes is taken as the sum of the roots' probabilities, shrunk towards a half, and r moves the
roots there (EM for a changed base rate; Saerens et al., Neural Computation 14, 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp, ndtr

from falcon_svc.discovery.counts.split_evidence import sample_for_evidence, split_trees
from falcon_svc.discovery.counts.split_model import ScoredTree, scored, split_model
from falcon_svc.discovery.counts.total_stability import StabilityCurve, stability_curve
from falcon_svc.discovery.counts.unimodal_twins import chance_of_twins, probability_of_twins
from falcon_svc.discovery.partition.views import reduced
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.types import FloatArray, IntArray, LabelSource

SHIFTS = np.arange(-5.0, 5.01, 0.5)
MOST_COUNT = 200
LARGEST_DROP = 6.0
LEAST_ERROR = 0.005
LEAST_BEST = 0.05
INTERVAL = (0.1, 0.9)
"""Of a coarse class's count: these points hold the truth in 9 of 10 coarse classes, measured with
the judged data's family left out of the fit; trees of one class are more alike than they say."""

TOTAL_INTERVAL = (0.05, 0.95)
RATE_PRIOR = (1.5, 3.0)
RATE_WEIGHT = 10.0
RATE_ROUNDS = 5

Float = NDArray[np.float64]


class Shift(NamedTuple):
    """The posterior (B,) of the shift, and the stability that it was weighed with."""

    weight: Float
    curve: StabilityCurve


@dataclass(frozen=True)
class CountPosterior:
    """Distributions of the counts, before and after the shift is summed out.

    Parameters
    ----------
    by_shift
        (B, C, K) probabilities of 1 .. K fine classes: where nothing is split, and for each shift
        of `SHIFTS`.
    judge
        Finds the shift; called where it is asked for, once: a total that was given settles it.
    """

    by_shift: Float
    judge: Callable[[], Shift]

    @cached_property
    def shift(self) -> Shift:
        """The shift, in view of the stability."""
        return self.judge()

    @property
    def weight(self) -> Float:
        """(B,) posterior of the shift."""
        return self.shift.weight

    @property
    def curve(self) -> StabilityCurve:
        """The stability that it was weighed with."""
        return self.shift.curve

    @property
    def counts(self) -> Float:
        """(C, K) probabilities of 1 .. K fine classes."""
        return np.asarray(np.tensordot(self.weight, self.by_shift, 1))

    def mean_totals(self) -> Float:
        """Return (B,) the expected total at each shift."""
        return mean_totals(self.by_shift)

    def total_probability(self, totals: IntArray) -> Float:
        """Return (T,) the probability that the total is at most each of `totals`."""
        value = np.arange(1, self.by_shift.shape[2] + 1)
        mean = self.by_shift @ value
        variance = (self.by_shift @ value**2 - mean**2).sum(axis=1)
        z = (np.asarray(totals)[:, None] + 0.5 - mean.sum(axis=1)) / np.sqrt(variance + 0.25)
        return np.asarray(ndtr(z) @ self.weight)

    def stability_at(self, totals: IntArray) -> Float:
        """Return (T,) the excess stability of partitions into each of `totals` classes."""
        at = np.log(self.curve.totals)
        return np.asarray(np.interp(np.log(totals), at, self.curve.scores, left=0.0))

    def at_total(self, n_fine: int) -> Float:
        """Return (C, K) the distributions at the shift whose expected total is `n_fine`."""
        place = np.interp(n_fine, self.mean_totals(), np.arange(len(self.by_shift)))
        i = min(int(place), len(self.by_shift) - 2)
        log = np.log(self.by_shift[i : i + 2] + 1e-12)
        mixed = np.exp((1 - place + i) * log[0] + (place - i) * log[1])
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))


def count_posterior(
    raw: FloatArray,
    source: LabelSource,
    low: IntArray,
    high: IntArray,
    *,
    least_samples: int,
    seed: int,
    surely_split: bool = False,
    pieces: Pieces | None = None,
) -> CountPosterior:
    """Return the posterior of the counts.

    Parameters
    ----------
    raw
        (n, D) features as they came.
    source
        Coarse labels, every row labelled.
    low, high
        (C,) what the user says about each count; other counts get probability 0.
    least_samples
        No fine class has fewer samples of these n rows.
    seed
        Seed of the sample that is looked at, of twins, halves and noise.
    surely_split
        Whether something is known to be split, as a given total says: the data are then not
        compared with twins.
    pieces
        The distributions are one of them, and where the shift is asked for each repeat of
        stability and each set of twins; None = nobody is told.
    """
    pieces = pieces or Pieces()
    rows = sample_for_evidence(source, seed=seed)
    part = source.at(rows)
    vectors = np.asarray(raw[rows])
    least = int(np.ceil(least_samples * len(rows) / len(raw)))
    model = split_model()

    def evidence(on_rows: Told) -> Arrays:
        trees = scored(split_trees(vectors, part, least_rows=least, on_rows=on_rows), model)
        return {"by_shift": distributions(trees, low, high)}

    by_shift = pieces.made("evidence", 0, len(rows), evidence)["by_shift"]

    def shift() -> Shift:
        curve = stability_curve(reduced(vectors, part), part, seed=seed, pieces=pieces)
        weight = shift_posterior(by_shift, curve, model.shift)
        twins = 0.0
        if not surely_split:
            chance = chance_of_twins(vectors, part, least_rows=least, seed=seed, pieces=pieces)
            twins = probability_of_twins(chance)
        return Shift(np.concatenate([[twins], (1 - twins) * weight]), curve)

    nothing_splits = _bounded(np.eye(1, by_shift.shape[2])[None].repeat(len(low), 1), low, high)
    return CountPosterior(np.concatenate([nothing_splits, by_shift]), shift)


def distributions(trees: Sequence[tuple[ScoredTree, ...]], low: IntArray, high: IntArray) -> Float:
    """Return (B, C, K): the mean of the trees' distributions, inside the bounds."""
    most = int(min(MOST_COUNT, max(2, high.max())))
    rate = root_shift(trees)
    found = np.empty((len(SHIFTS), len(trees), most))
    for q, group in enumerate(trees):
        parts = [t.count_distributions(SHIFTS, (SHIFTS + rate) / 2, most) for t in group]
        found[:, q] = np.mean(parts, axis=0)
    return _bounded(found, low, high)


def _bounded(found: Float, low: IntArray, high: IntArray) -> Float:
    """Probabilities inside the bounds; all on the least count where there are none."""
    counts = np.arange(1, found.shape[2] + 1)
    allowed = (counts >= low[:, None]) & (counts <= high[:, None])
    kept = np.where(allowed, found + 1e-12, 0.0)
    kept[:, ~allowed.any(axis=1), -1] = 1.0
    return np.asarray(kept / kept.sum(axis=2, keepdims=True))


def root_shift(trees: Sequence[tuple[ScoredTree, ...]]) -> float:
    """Return r: what moves the roots' logits to the shared rate of coarse classes that split."""
    roots = np.array([[tree.logits[0] for tree in group] for group in trees])
    n_coarse = len(roots)
    shift = 0.0
    for _ in range(RATE_ROUNDS):
        expected = expit(roots + shift).mean(axis=1).sum()
        rate = np.clip((expected + RATE_PRIOR[0]) / (n_coarse + RATE_PRIOR[1]), 0.01, 0.99)
        shift = float(n_coarse / (n_coarse + RATE_WEIGHT) * logit(rate))
    return shift


def shift_posterior(by_shift: Float, curve: StabilityCurve, weights: Mapping[str, float]) -> Float:
    """Return (B,) the posterior of the shift; `weights` as in `SplitModel.shift`."""
    features = shift_features(by_shift, curve)
    score = sum(weights[name] * features[name] for name in features)
    return np.asarray(np.exp(score - logsumexp(score)))


def shift_features(by_shift: Float, curve: StabilityCurve) -> dict[str, Float]:
    """Return what the shift's posterior is made of, (B,) each."""
    log_totals = np.log(curve.totals)
    score = np.interp(np.log(mean_totals(by_shift)), log_totals, curve.scores, left=0.0)
    best = float(curve.scores.max())
    return {
        "square": -(SHIFTS**2) / 2,
        "linear": SHIFTS,
        "stability": score / max(best, LEAST_BEST),
        "stability_drop": stability_drop(score, curve, LEAST_ERROR),
    }


def stability_drop(scores: Float, curve: StabilityCurve, least_error: float) -> Float:
    """Return how many standard errors scores are below the best of the curve, as <= 0.

    `least_error` is added to the error that the repeats tell.
    """
    drop = (scores - curve.scores.max()) / (curve.error + least_error)
    return np.asarray(np.clip(drop, -LARGEST_DROP, 0.0), np.float64)


def mean_totals(by_shift: Float) -> Float:
    """Return (B,) the expected total at each shift, never falling."""
    value = np.arange(1, by_shift.shape[2] + 1)
    return np.asarray(np.maximum.accumulate((by_shift @ value).sum(axis=1)))


def quantile(distribution: Float, share: float) -> IntArray:
    """Return (C,) the least counts whose cumulated probability reaches `share`."""
    reached = np.cumsum(distribution, axis=1) >= share - 1e-9
    return np.asarray(reached.argmax(axis=1) + 1, np.int64)
