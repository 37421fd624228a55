r"""Which coarse labels are wrong: a probability per sample, and how many in all.

Place: between the features and the structure step, once per label source. Evidence
(`label_evidence`) and a mixture (`label_mixture`) in turn: the second time labels that the first
round thinks wrong teach no classifier and have no vote. Labels thought wrong are then withheld
from structure and training (`withheld`); nothing is moved: the sample keeps its label, is
assigned among that label's classes, and is told to be suspected, with a better label beside it.
Figures: docs/decisions/0009-wrong-labels.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from falcon_svc.discovery.labels.evidence import Witnesses
from falcon_svc.discovery.labels.mixture import LabelMixture, first_mixture, fit_mixture
from falcon_svc.result.record import SUSPECTED, LabelNoise
from falcon_svc.types import UNLABELLED, FloatArray, IntArray, LabelSource

ROUNDS = 2
MOST_CLASSES = 500
"""Coarse classes up to which the mixture is worth its C x C numbers."""
LEAST_ROWS_PER_CLASS = 4
MOST_CELLS = 200_000_000
"""Samples times coarse classes: the numbers that are held at once."""
MOST_JUDGED_CELLS = 1 << 24  # cells of (rows, C) that the mixture is fitted on
MODEL_ERROR = 0.01
"""Share of labels by which natural overlap was seen to move the rate on clean sets."""
NORMAL_90 = 1.645
MOST_WITHHELD = 0.5
"""Of a coarse class: more, and it would be unclear what its label means."""


def find_label_noise(
    features: FloatArray,
    source: LabelSource,
    rate: float | None,
    *,
    seed: int,
    on_round: Callable[[], None] = lambda: None,
) -> LabelNoise | None:
    """Find the labels of one source that are likely wrong.

    Parameters
    ----------
    features
        (N, D) float32.
    source
        Coarse labels; unlabelled rows are not judged.
    rate
        Share of wrong labels in [0, 0.5) where the user knows it; None = find it.
    seed
        Seed of folds and samples. Same seed, same answer.
    on_round
        Called after each of `ROUNDS` rounds.

    Returns
    -------
    LabelNoise or None
        None where labels cannot be judged: one coarse class, more than `MOST_CLASSES`, or fewer
        than `LEAST_ROWS_PER_CLASS` samples per class; or more than `MOST_CELLS` numbers.
    """
    rows = np.flatnonzero(source.labels != UNLABELLED)
    if not can_judge(len(rows), source.n_coarse):
        return None
    labels = source.labels[rows]
    posterior = _posterior(features[rows], labels, source.n_coarse, rate, seed, on_round)
    return _noise(posterior, rows, source, rate)


def can_judge(n_labelled: int, n_coarse: int) -> bool:
    """Whether there is something to judge by, and room for it."""
    enough = n_labelled >= LEAST_ROWS_PER_CLASS * n_coarse
    return 2 <= n_coarse <= MOST_CLASSES and enough and n_labelled * n_coarse <= MOST_CELLS


def withheld(source: LabelSource, noise: LabelNoise | None, least: IntArray) -> LabelSource:
    """Return the source without the labels that are suspected.

    Parameters
    ----------
    source, noise
        Labels, and what was found of them; None = all are believed.
    least
        (C,) samples that every coarse class keeps; half of it stays anyway. Where more are
        suspected, those least so stay.
    """
    if noise is None:
        return source
    labels = source.labels.copy()
    for rows, floor in zip(source.rows_by_class(), least, strict=True):
        most = min(int(MOST_WITHHELD * len(rows)), len(rows) - int(floor))
        doubt = noise.wrong_probability[rows]
        worst = rows[np.argsort(-doubt, kind="stable")[: max(0, most)]]
        labels[worst[noise.wrong_probability[worst] > SUSPECTED]] = UNLABELLED
    return replace(source, labels=labels)


@dataclass
class _Judge:
    """The rounds of evidence and mixture."""

    witnesses: Witnesses
    labels: IntArray
    n_coarse: int
    rate: float | None
    fitted_on: IntArray

    def posterior(self, on_round: Callable[[], None]) -> FloatArray:
        """Return (n, C) probabilities of the true class."""
        believed = np.ones(len(self.labels), np.bool_)
        mixture: LabelMixture | None = None
        for _ in range(ROUNDS):
            evidence = self.witnesses.ask(self.labels, self.n_coarse, believed)
            part, labels = evidence.of(self.fitted_on), self.labels[self.fitted_on]
            if mixture is None:
                mixture = first_mixture(part, labels, self.rate)
            else:
                mixture = fit_mixture(mixture, part, labels, self.rate)
            posterior = mixture.posterior(evidence, self.labels)
            believed = _of_own_label(posterior, self.labels) >= 1 - SUSPECTED
            on_round()
        return posterior


def _posterior(
    features: FloatArray,
    labels: IntArray,
    n_coarse: int,
    rate: float | None,
    seed: int,
    on_round: Callable[[], None],
) -> FloatArray:
    most = max(1, MOST_JUDGED_CELLS // n_coarse)
    sample = np.sort(np.random.default_rng(seed).permutation(len(labels))[:most])
    judge = _Judge(Witnesses(features, seed=seed), labels, n_coarse, rate, sample)
    return judge.posterior(on_round)


def _of_own_label(posterior: FloatArray, labels: IntArray) -> FloatArray:
    return np.asarray(posterior[np.arange(len(labels)), labels])


def _noise(
    posterior: FloatArray, rows: IntArray, source: LabelSource, rate: float | None
) -> LabelNoise:
    """Put the posterior of the labelled `rows` into a record of all rows."""
    n, labels = len(source.labels), source.labels[rows]
    wrong = 1 - _of_own_label(posterior, labels)
    others = posterior.copy()
    others[np.arange(len(rows)), labels] = -1
    proposed = np.full(n, UNLABELLED, np.int64)
    proposed[rows] = others.argmax(axis=1)
    low, high = expected_interval(wrong, labels, source.n_coarse)
    total = expected_interval(wrong, np.zeros_like(labels), 1)
    return LabelNoise(
        source=source.name,
        given=rate is not None,
        rate=float(wrong.mean()),
        low=float(total[0][0] / len(rows)),
        high=float(total[1][0] / len(rows)),
        expected=_sums(wrong, labels, source.n_coarse),
        expected_low=low,
        expected_high=high,
        wrong_probability=_spread(wrong, rows, n),
        proposed=proposed,
        proposed_probability=_spread(others.max(axis=1), rows, n),
    )


def expected_interval(
    wrong: FloatArray, labels: IntArray, n_classes: int
) -> tuple[FloatArray, FloatArray]:
    r"""Return the bounds (n_classes,) of 90 % intervals for the numbers of wrong labels.

    ``sum w -+ (1.645 sqrt(sum w (1 - w) / (1 - f)) + 0.01 n)``: the spread of unknown outcomes,
    more where the share ``f = sum w (1 - w) / (n r (1 - r))`` of what would have to be known
    about the rate r is missing (Louis 1982), and the error of the model on clean labels.
    """
    rate = float(wrong.mean())
    unknown = float((wrong * (1 - wrong)).sum()) / max(len(wrong) * rate * (1 - rate), 1e-12)
    size = np.bincount(labels, minlength=n_classes)
    spread = _sums(wrong * (1 - wrong), labels, n_classes) / max(1 - unknown, 0.05)
    half = NORMAL_90 * np.sqrt(spread) + MODEL_ERROR * size
    centre = _sums(wrong, labels, n_classes)
    return np.maximum(centre - half, 0), np.minimum(centre + half, size)


def _sums(values: FloatArray, labels: IntArray, n_classes: int) -> FloatArray:
    return np.asarray(np.bincount(labels, values, minlength=n_classes), np.float64)


def _spread(values: FloatArray, rows: IntArray, n: int) -> FloatArray:
    """Return (n,) values of the labelled rows; NaN elsewhere."""
    out = np.full(n, np.nan, np.float32)
    out[rows] = values
    return out
