"""New data among old classes, which stay as they are: samples join, groups are proposed, drift.

A new sample joins the nearest class of its coarse label if it lies no farther out than 99 % of the
old ones; those that fit none are grouped at the old classes' typical width, and groups of five or
more are proposed as classes. A class whose new samples lie farther out than its old ones raises an
alarm for drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.stats import mannwhitneyu

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.result.ancestry import Drift
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.identity import free_name
from falcon_svc.triage.state import Review, numbers
from falcon_svc.types import BoolArray, FloatArray, IntArray

FARTHEST_QUANTILE = 0.99
LEAST_PROPOSED = 5
MOST_GROUPED = 4_000
"""Strangers of a coarse class that are grouped at once: the tree needs all their distances."""

ALARM_LEVEL = 0.01
LEAST_TESTED = 8
_PIECE = 4_096


@dataclass(frozen=True, eq=False)
class Intake:
    """New samples among old classes.

    Attributes
    ----------
    fine : int64 (M,)
        Class number of each new sample; that of a proposed class where no old one fits; -1 where
        its coarse class has none.
    fits : bool (M,)
        Whether an old class fits.
    proposed : tuple of ReviewClass
        New classes, under the coarse label of their samples.
    """

    fine: IntArray
    fits: BoolArray
    proposed: tuple[ReviewClass, ...]


def take_in(review: Review, inputs: FloatArray, rows: IntArray) -> Intake:
    """Assign samples that are in no class to the classes of a review, which stay as they are.

    Parameters
    ----------
    review : Review
    inputs : float32 (N, D)
        Head inputs of all samples.
    rows : int64 (M,)
        Those to assign, each with a coarse label or -1 = none.

    Notes
    -----
    A sample fits its nearest class where it lies no farther from the mean than 99 % of the old
    ones. Those that fit none are cut into groups by average linkage at the typical width of the
    old classes, and groups of at least five become proposed classes; the others stay with the
    nearest.
    """
    spread = Spread(review, inputs)
    coarse = review.coarse[rows]
    best, gap = spread.nearest(inputs[rows], coarse)
    somewhere = best >= 0
    fits = somewhere & (gap <= spread.farthest[best])
    fine = np.where(somewhere, spread.numbers[best], -1)
    classes, taken = [], {held.name for held in review.classes.values()}
    for i, group in enumerate(_groups(review, inputs[rows], coarse, fits, spread.typical)):
        q, number = int(coarse[group[0]]), review.next_number + i
        name = free_name(f"{review.coarse_names[q]} new", taken)
        taken.add(name)
        classes.append(ReviewClass(number, name, (q,), colour=number))
        fine[group] = number
    return Intake(fine, fits, tuple(classes))


class Spread:
    """How far the samples of each class lie from its mean (squared distances).

    Parameters
    ----------
    review : Review
        Its placed samples are the old ones.
    inputs : float32 (N, D)
    """

    def __init__(self, review: Review, inputs: FloatArray) -> None:
        self._review = review
        known = np.flatnonzero(review.fine >= 0)
        fine = review.fine[known]
        alive = set(np.unique(fine).tolist())
        self.numbers = np.array([n for n in numbers(review) if n in alive], np.int64)
        means = class_means(inputs[known], fine, review.next_number)
        gap = _distances(inputs, known, means, fine)
        order = np.argsort(fine, kind="stable")
        starts = np.searchsorted(fine[order], np.arange(review.next_number + 1))
        self.gaps = [gap[order[starts[n] : starts[n + 1]]] for n in self.numbers]
        self.farthest = np.array([np.quantile(one, FARTHEST_QUANTILE) for one in self.gaps])
        self.typical = float(np.median(gap)) if len(gap) else 0.0
        self.means = means

    def nearest(self, points: FloatArray, coarse: IntArray) -> tuple[IntArray, FloatArray]:
        """Return the place in `numbers` of each point's nearest class, and the squared distance.

        Only classes under the point's coarse label (M,) count; -1 and infinity where it has none.
        """
        best, gap = np.full(len(points), -1, np.int64), np.full(len(points), np.inf, np.float32)
        for q in np.unique(coarse).tolist():
            mine = np.flatnonzero(coarse == q)
            places = np.flatnonzero([q < 0 or q in self._parents(n) for n in self.numbers.tolist()])
            if len(places):
                means = self.means[self.numbers[places]]
                near, gap[mine] = _nearest(points[mine], means)
                best[mine] = places[near]
        return best, gap

    def _parents(self, number: int) -> tuple[int, ...]:
        return self._review.classes[number].parents


def drift_of(review: Review, inputs: FloatArray, known: BoolArray) -> tuple[Drift, ...]:
    """Return the classes whose new samples lie farther out than their old ones.

    Parameters
    ----------
    review : Review
        With the new samples in their classes.
    inputs : float32 (N, D)
    known : bool (N,)
        Whether a sample is an old one; the means are theirs.
    """
    old = replace(review, fine=np.where(known, review.fine, -1))
    spread, found = Spread(old, inputs), []
    fresh = np.flatnonzero(~known & (review.fine >= 0))
    gap = _distances(inputs, fresh, spread.means, review.fine[fresh])
    for number, before in zip(spread.numbers.tolist(), spread.gaps, strict=True):
        now = gap[review.fine[fresh] == number]
        if min(len(now), len(before)) >= LEAST_TESTED:
            test = mannwhitneyu(now, before, alternative="greater")
            shift = float(test.statistic) / (len(now) * len(before))
            held = review.classes[number]
            found.append(Drift(held.id, held.name, len(now), float(test.pvalue), shift))
    level = [replace(one, p_value=min(1.0, one.p_value * len(found))) for one in found]
    alarms = [one for one in level if one.p_value < ALARM_LEVEL]
    return tuple(sorted(alarms, key=lambda one: one.p_value))


def _distances(inputs: FloatArray, rows: IntArray, means: FloatArray, fine: IntArray) -> FloatArray:
    """Squared distance of each row from the mean of its class."""
    gap = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PIECE):
        piece = slice(start, start + _PIECE)
        gap[piece] = ((inputs[rows[piece]] - means[fine[piece]]) ** 2).sum(axis=1)
    return gap


def _nearest(points: FloatArray, means: FloatArray) -> tuple[IntArray, FloatArray]:
    best, gap = np.empty(len(points), np.int64), np.empty(len(points), np.float32)
    norms = (means**2).sum(axis=1)
    for start in range(0, len(points), _PIECE):
        piece = slice(start, start + _PIECE)
        far = (points[piece] ** 2).sum(axis=1)[:, None] + norms - 2 * points[piece] @ means.T
        best[piece] = far.argmin(axis=1)
        gap[piece] = np.maximum(far.min(axis=1), 0)
    return best, gap


def _groups(
    review: Review, new: FloatArray, coarse: IntArray, fits: BoolArray, typical: float
) -> list[IntArray]:
    groups: list[IntArray] = []
    for q in range(len(review.coarse_names)):
        rows = np.flatnonzero((coarse == q) & ~fits)[:MOST_GROUPED]
        if len(rows) < LEAST_PROPOSED:
            continue
        label = fcluster(linkage(new[rows], "average"), 2 * typical**0.5, "distance")
        parts = (rows[label == i] for i in np.unique(label))
        groups += [part for part in parts if len(part) >= LEAST_PROPOSED]
    return groups
