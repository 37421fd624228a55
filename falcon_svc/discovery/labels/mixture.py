r"""How often labels are wrong, and which: a mixture fitted by expectation-maximisation.

Place: under `label_noise`. The model of an observed label j of a sample x is

.. math:: P(j | x) = \sum_k p_k(x) T_{kj}, \quad
          p(x) = \mathrm{softmax}(a \, \ell(x) + b \log(v(x) + \varepsilon)),

with l the linear classifier's log-probabilities and v the neighbors' votes, both out of fold
(`label_evidence`), and T the chance that class k is recorded as j (Dawid and Skene 1979; the
transition matrix of the literature on noisy labels). Both are fitted: a and b calibrate p to the
true class, T takes what no calibrated p explains: labels that contradict samples which leave no
doubt. So natural overlap of classes, where p itself is undecided, is not counted as error. Then

.. math:: P(wrong | x, j) = 1 - p_j(x) T_{jj} / P(j | x).

Shapes: n rows, C coarse classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from falcon_svc.discovery.labels.evidence import LabelEvidence
from falcon_svc.types import FloatArray, IntArray

ROUNDS = 12
EM_STEPS = 5
SCALE_STEPS = 8
FIRST_RATES = (0.05, 0.3)
PRIOR_ROWS = 1.0
"""Rows per cell of T that the even transition is worth."""
BELIEF = 0.3
"""Times the squared mean doubt ``1 - max p``: right labels that the prior adds to every label.
Where features hardly tell the coarse classes apart any rate fits about as well, and this takes it
to zero; where they do, doubt is small and the rate is left alone. A prior of 0.05 whatever the
doubt hides half of the wrong labels of few clear classes; without a prior 35 % of right labels are
called wrong where classes overlap wholly.
"""
BOUNDS = ((-4.0, 3.0), (-4.0, 3.0))  # of log a and log b
FIRST_SCALES = np.zeros(2, np.float32)
FLOOR = 0.007
"""Epsilon: a fifth of one neighbor's vote. A floor that is fitted too takes errors for doubt: where
neighbors agree, an even T and a floor say the same. 0.02 finds less, 0.004 suspects more."""
_LEAST = -50.0  # of a log-probability: a class that the fold never saw
_TINY = 1e-300


@dataclass(frozen=True)
class LabelMixture:
    """The fitted model.

    Parameters
    ----------
    log_scales
        (2,) logarithms of a and b.
    transition
        (C, C) float64, rows summing to 1: T.
    """

    log_scales: FloatArray
    transition: FloatArray

    def posterior(self, evidence: LabelEvidence, labels: IntArray) -> FloatArray:
        """Return (n, C) probabilities of the true class, given features and label."""
        return _posterior(
            np.exp(log_class_prob(self.log_scales, evidence)), self.transition, labels
        )

    def log_likelihood(self, evidence: LabelEvidence, labels: IntArray) -> float:
        """Return the mean of log P(j | x) over the rows."""
        joint = np.exp(log_class_prob(self.log_scales, evidence)) * self.transition.T[labels]
        return float(np.log(joint.sum(axis=1) + _TINY).mean())


def first_mixture(evidence: LabelEvidence, labels: IntArray, rate: float | None) -> LabelMixture:
    """Fit from several first rates and return the fit of highest likelihood.

    Parameters
    ----------
    evidence
        On n rows.
    labels
        (n,) int64 in ``[0, C)``.
    rate
        Share of wrong labels in [0, 1) where it is known; None = find it.
    """
    n_coarse = evidence.linear.shape[1]
    starts = FIRST_RATES if rate is None else (rate,)
    fits = [
        fit_mixture(
            LabelMixture(FIRST_SCALES, even_transition(n_coarse, s)), evidence, labels, rate
        )
        for s in starts
    ]
    return max(fits, key=lambda fit: fit.log_likelihood(evidence, labels))


def fit_mixture(
    start: LabelMixture, evidence: LabelEvidence, labels: IntArray, rate: float | None
) -> LabelMixture:
    """Alternate the calibration and steps of expectation-maximisation; as `first_mixture`."""
    scales, transition = start.log_scales, start.transition
    for _ in range(ROUNDS):
        scales = _calibrated(scales, evidence, labels, transition)
        prob = np.exp(log_class_prob(scales, evidence))
        belief = BELIEF * float(1 - prob.max(axis=1).mean()) ** 2
        for _ in range(EM_STEPS):
            posterior = _posterior(prob, transition, labels)
            transition = _transition(posterior, labels, belief)
            if rate is not None:
                transition = _at_rate(transition, posterior.sum(axis=0), rate)
    return LabelMixture(scales, transition)


def even_transition(n_coarse: int, rate: float) -> FloatArray:
    """Return T of labels that are wrong at `rate`, all wrong classes alike."""
    out = np.full((n_coarse, n_coarse), rate / (n_coarse - 1))
    np.fill_diagonal(out, 1 - rate)
    return out


def log_class_prob(log_scales: FloatArray, evidence: LabelEvidence) -> FloatArray:
    """Return (n, C) log p(x)."""
    scales = np.exp(log_scales)  # an array each, so that every numpy computes in double precision
    linear = np.maximum(evidence.linear, _LEAST)
    votes = np.log(evidence.votes + FLOOR)
    return np.asarray(log_softmax(scales[:1] * linear + scales[1:] * votes, axis=1))


def _posterior(prob: FloatArray, transition: FloatArray, labels: IntArray) -> FloatArray:
    joint = prob * transition.T[labels]
    return np.asarray(joint / (joint.sum(axis=1, keepdims=True) + _TINY))


def _transition(posterior: FloatArray, labels: IntArray, belief: float) -> FloatArray:
    """Return the most probable T under a prior of an even one, and of right labels."""
    n_coarse = posterior.shape[1]
    order = np.argsort(labels, kind="stable")
    present, first = np.unique(labels[order], return_index=True)
    counts = np.zeros((n_coarse, n_coarse))  # true k, observed j
    counts[:, present] = np.add.reduceat(posterior[order], first, axis=0).T
    found = 1 - np.trace(counts) / counts.sum()
    counts += PRIOR_ROWS * n_coarse * even_transition(n_coarse, found)
    counts += np.diag(belief * counts.sum(axis=1))
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _at_rate(transition: FloatArray, sizes: FloatArray, rate: float) -> FloatArray:
    """Scale what is off the diagonal so that the mean over samples is `rate`."""
    off = transition * (1 - np.eye(len(transition)))
    lost = off.sum(axis=1)
    mean = float(lost @ sizes / sizes.sum())
    scale = np.minimum(rate / max(mean, _TINY), 0.95 / np.maximum(lost, _TINY))
    off *= scale[:, None]
    return np.asarray(off + np.diag(1 - off.sum(axis=1)))


def _calibrated(
    scales: FloatArray, evidence: LabelEvidence, labels: IntArray, transition: FloatArray
) -> FloatArray:
    """Return the log scales of highest likelihood."""
    value, slope = loss_of(evidence, labels, transition)
    steps = {"maxiter": SCALE_STEPS}
    found = minimize(value, scales, jac=slope, method="L-BFGS-B", bounds=BOUNDS, options=steps)
    return np.asarray(found.x)


def loss_of(
    evidence: LabelEvidence, labels: IntArray, transition: FloatArray
) -> tuple[Callable[[FloatArray], float], Callable[[FloatArray], FloatArray]]:
    """Return the mean of -log P(j | x) and its gradient, as functions of the log scales."""
    recorded = transition.T[labels]
    linear, votes = np.maximum(evidence.linear, _LEAST), np.log(evidence.votes + FLOOR)

    def value(at: FloatArray) -> float:
        joint = np.exp(log_class_prob(at, evidence)) * recorded
        return float(-np.log(joint.sum(axis=1) + _TINY).mean())

    def slope(at: FloatArray) -> FloatArray:
        prob = np.exp(log_class_prob(at, evidence))
        joint = prob * recorded
        push = (prob - joint / (joint.sum(axis=1, keepdims=True) + _TINY)) / len(labels)
        return np.asarray(np.exp(at) * [(push * linear).sum(), (push * votes).sum()])

    return value, slope
