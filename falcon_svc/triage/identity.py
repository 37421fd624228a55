r"""Who is who: classes of a new run matched to those of a review, and new data taken in.

Classes are matched by the overlap of the samples that both know, :math:`J(a, b) = |a \cap b| /
|a \cup b|`, so that the sum over pairs is largest (linear assignment); a pair that shares less
than `LEAST_OVERLAP` of its samples is no pair. A matched class keeps id, name, approval and
colour. What is left over is told as lineage: born, split off, merged into, died.

With new data the old classes stay as they are: new samples are assigned to the classes of their
coarse label, those that fit none are gathered into proposed classes, and a class whose new samples
lie farther out than its old ones raises an alarm for drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import mannwhitneyu

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray, FloatArray, IntArray

LEAST_OVERLAP = 0.2
SHARE_OF_ORIGIN = 0.5
"""A class comes from another that gave it more than half of its samples."""

What = Literal["kept", "born", "split", "merged", "died"]


@dataclass(frozen=True)
class Lineage:
    """What became of a class.

    Attributes
    ----------
    what : str
        "kept" (same class), "born" (of nothing known), "split" (off `others`), "merged" (into
        `others`) or "died".
    id : str
        Id of the new class, for "merged" and "died" of the old one.
    others : tuple of str
        Ids of the classes that it came from or went to.
    overlap : float in [0, 1]
        Jaccard index with the matched class; 0 where there is none.
    """

    what: What
    id: str
    others: tuple[str, ...] = ()
    overlap: float = 0.0


@dataclass(frozen=True, eq=False)
class Matching:
    """A new run in the terms of a review.

    Attributes
    ----------
    placement : Placement
        Placement of the new run's samples, with the review's ids.
    lineage : tuple of Lineage
        Kept classes first, then born, split, merged and died ones.
    """

    placement: Placement
    lineage: tuple[Lineage, ...]


def overlaps(old: IntArray, new: IntArray, n_old: int, n_new: int) -> NDArray[np.float64]:
    """Return Jaccard indices (n_old, n_new) of the classes of the same samples, -1 = none.

    Examples
    --------
    >>> import numpy as np
    >>> overlaps(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    common = _common(old, new, n_old, n_new)
    union = common.sum(axis=1, keepdims=True) + common.sum(axis=0, keepdims=True) - common
    return np.asarray(common / np.maximum(union, 1))


def match_run(
    review: Review,
    ids: Sequence[str],
    fine: IntArray,
    parents: Sequence[tuple[int, ...]],
    *,
    confidence: FloatArray | None = None,
) -> Matching:
    """Give the classes of a new run the identity that they had in a review.

    Parameters
    ----------
    review : Review
    ids : sequence of str
        (M,) samples of the new run, which may be others, or more.
    fine : int64 (M,)
        Class of the new run, in ``[0, F)``.
    parents : sequence of tuples
        (F,) coarse classes of each, numbered as in the review.
    confidence : float32 (M,), optional

    Returns
    -------
    Matching
        A class matches one that has a parent in common only: the wall holds over runs.
    """
    rows = np.array([review.row_of.get(name, -1) for name in ids], np.int64)
    shared = rows >= 0
    numbers = list(review.classes)
    place = {number: i for i, number in enumerate(numbers)}
    old = np.array([place.get(int(n), -1) for n in review.fine[rows[shared]]], np.int64)
    share = overlaps(old, fine[shared], len(numbers), len(parents))
    share *= _related([review.classes[n] for n in numbers], parents)
    pairs = _pairs(share)
    classes, lineage = _named(review, numbers, parents, pairs, share)
    common = _common(old, fine[shared], len(numbers), len(parents))
    lineage += _rest(numbers, classes, pairs, common)
    number_of = np.array([held.number for held in classes] or [0], np.int64)
    sure = np.ones(len(fine), np.float32) if confidence is None else confidence
    placement = Placement(
        fine=number_of[fine],
        runner_up=np.full(len(fine), -1, np.int64),
        confidence=sure,
        rival=np.zeros(len(fine), np.float32),
        classes=tuple(classes),
        next_number=max([review.next_number, *(number_of + 1)]),
    )
    return Matching(placement, tuple(lineage))


def _common(old: IntArray, new: IntArray, n_old: int, n_new: int) -> NDArray[np.float64]:
    known = (old >= 0) & (new >= 0)
    flat = np.bincount(old[known] * n_new + new[known], minlength=n_old * n_new)
    return flat.reshape(n_old, n_new).astype(np.float64)


def _related(old: list[ReviewClass], parents: Sequence[tuple[int, ...]]) -> BoolArray:
    return np.array([[bool(set(a.parents) & set(b)) for b in parents] for a in old], np.bool_)


def _pairs(share: NDArray[np.float64]) -> dict[int, int]:
    """New class -> old class, of the assignment with the largest sum of overlaps."""
    old, new = linear_sum_assignment(-share)
    return {int(b): int(a) for a, b in zip(old, new, strict=True) if share[a, b] >= LEAST_OVERLAP}


def _named(
    review: Review,
    numbers: list[int],
    parents: Sequence[tuple[int, ...]],
    pairs: Mapping[int, int],
    share: NDArray[np.float64],
) -> tuple[list[ReviewClass], list[Lineage]]:
    classes, lineage, fresh = [], [], review.next_number
    names = {held.name for held in review.classes.values()}
    for i, held_by in enumerate(parents):
        if i in pairs:
            old = review.classes[numbers[pairs[i]]]
            classes.append(replace(old, parents=tuple(held_by)))
            lineage.append(Lineage("kept", old.id, overlap=float(share[pairs[i], i])))
            continue
        name = _free_name(f"{review.coarse_names[held_by[0]]} new", names)
        names.add(name)
        classes.append(ReviewClass(fresh, name, tuple(held_by), colour=fresh))
        fresh += 1
    return classes, lineage


def _free_name(stem: str, taken: set[str]) -> str:
    return next(name for i in range(1, 10**9) if (name := f"{stem} {i}") not in taken)


def _rest(
    numbers: list[int],
    classes: list[ReviewClass],
    pairs: Mapping[int, int],
    common: NDArray[np.float64],
) -> list[Lineage]:
    """Lineage of classes without a match, by who gave to whom more than half of the samples."""
    lineage = []
    for i, held in enumerate(classes):
        if i not in pairs:
            total = max(common[:, i].sum(), 1)
            origin = [
                f"c{numbers[a]}" for a in np.flatnonzero(common[:, i] > SHARE_OF_ORIGIN * total)
            ]
            lineage.append(Lineage("split" if origin else "born", held.id, tuple(origin)))
    for a in sorted(set(range(len(numbers))) - set(pairs.values())):
        total = max(common[a].sum(), 1)
        heirs = [classes[i].id for i in np.flatnonzero(common[a] > SHARE_OF_ORIGIN * total)]
        lineage.append(Lineage("merged" if heirs else "died", f"c{numbers[a]}", tuple(heirs)))
    return lineage


@dataclass(frozen=True, eq=False)
class Intake:
    """New samples among old classes.

    Attributes
    ----------
    fine : int64 (M,)
        Class number of each new sample; that of a proposed class where no old one fits.
    fits : bool (M,)
        Whether an old class fits.
    proposed : tuple of ReviewClass
        New classes, under the coarse label of their samples.
    drift : tuple of Drift
        Classes whose new samples lie farther out, most surprising first.
    """

    fine: IntArray
    fits: BoolArray
    proposed: tuple[ReviewClass, ...]
    drift: tuple[Drift, ...]


@dataclass(frozen=True)
class Drift:
    """A class whose new samples lie farther from its centre than its old ones do.

    Attributes
    ----------
    class_id : str
    n_new : int
    p_value : float
        One-sided Mann-Whitney test, times the number of classes tested (Bonferroni).
    shift : float in [0, 1]
        Chance that a new sample lies farther out than an old one; 0.5 = no drift.
    """

    class_id: str
    n_new: int
    p_value: float
    shift: float

    def sentence(self, name: str) -> str:
        """Return the alarm in words."""
        return (
            f"{self.n_new:,} new samples of {name!r} lie farther out than the old ones "
            f"({100 * self.shift:.0f} % of pairs): the data have drifted, or the class has changed."
        )


FARTHEST_QUANTILE = 0.99
LEAST_PROPOSED = 5
ALARM_LEVEL = 0.01
LEAST_TESTED = 8


def take_in(review: Review, inputs: FloatArray, new_inputs: FloatArray, coarse: IntArray) -> Intake:
    """Assign new samples to the classes of a review, which stay as they are.

    Parameters
    ----------
    review : Review
    inputs : float32 (N, D)
        Head inputs of the review's samples.
    new_inputs : float32 (M, D)
        New inputs of the new ones, by the same map.
    coarse : int64 (M,)
        Coarse label of each new sample, -1 = none.

    Notes
    -----
    A sample fits its nearest class where it lies no farther from the mean than 99 % of the old
    ones. Those that fit none are cut into groups by Ward's method at the typical width of the old
    classes, and groups of at least five become proposed classes; the others stay with the nearest.
    """
    numbers = [n for n, held in review.classes.items() if (review.fine == n).any()]
    means = class_means(inputs, np.maximum(review.fine, 0), review.next_number)[numbers]
    spread = _Spread(review, inputs, numbers, means)
    best, gap = _nearest(review, numbers, means, new_inputs, coarse)
    fits = gap <= spread.farthest[best]
    fine = np.array(numbers, np.int64)[best]
    proposed = _proposed(review, new_inputs, coarse, fits, spread.typical)
    classes = []
    for i, rows in enumerate(proposed):
        q = int(coarse[rows[0]])
        number = review.next_number + i
        name = f"{review.coarse_names[q]} new {i + 1}"
        classes.append(ReviewClass(number, name, (q,), colour=number))
        fine[rows] = number
    return Intake(fine, fits, tuple(classes), spread.alarms(best, gap))


class _Spread:
    """How far the old samples of each class lie from its mean (squared distances)."""

    def __init__(
        self, review: Review, inputs: FloatArray, numbers: list[int], means: FloatArray
    ) -> None:
        self.ids = [review.classes[n].id for n in numbers]
        self.gaps = [
            ((inputs[review.members(n)] - mean) ** 2).sum(axis=1)
            for n, mean in zip(numbers, means, strict=True)
        ]
        self.farthest = np.array([np.quantile(gap, FARTHEST_QUANTILE) for gap in self.gaps])
        self.typical = float(np.median(np.concatenate(self.gaps)))

    def alarms(self, best: IntArray, gap: FloatArray) -> tuple[Drift, ...]:
        found = []
        for i, (class_id, old) in enumerate(zip(self.ids, self.gaps, strict=True)):
            new = gap[best == i]
            if min(len(new), len(old)) >= LEAST_TESTED:
                test = mannwhitneyu(new, old, alternative="greater")
                shift = float(test.statistic) / (len(new) * len(old))
                found.append(Drift(class_id, len(new), float(test.pvalue), shift))
        level = [replace(d, p_value=min(1.0, d.p_value * len(found))) for d in found]
        return tuple(sorted((d for d in level if d.p_value < ALARM_LEVEL), key=lambda d: d.p_value))


def _nearest(
    review: Review, numbers: list[int], means: FloatArray, new: FloatArray, coarse: IntArray
) -> tuple[IntArray, FloatArray]:
    """Nearest class (place in `numbers`) under each sample's coarse label, and squared distance."""
    gap = ((new**2).sum(axis=1)[:, None] + (means**2).sum(axis=1)) - 2 * new @ means.T
    for q in range(len(review.coarse_names)):
        other = [q not in review.classes[n].parents for n in numbers]
        gap[np.ix_(coarse == q, other)] = np.inf
    best = gap.argmin(axis=1)
    return best, np.maximum(gap[np.arange(len(new)), best], 0)


def _proposed(
    review: Review, new: FloatArray, coarse: IntArray, fits: BoolArray, typical: float
) -> list[IntArray]:
    from scipy.cluster.hierarchy import fcluster, linkage

    groups: list[IntArray] = []
    for q in range(len(review.coarse_names)):
        rows = np.flatnonzero((coarse == q) & ~fits)
        if len(rows) < LEAST_PROPOSED:
            continue
        label = fcluster(linkage(new[rows], "average"), 2 * typical**0.5, "distance")
        parts = (rows[label == i] for i in np.unique(label))
        groups += [part for part in parts if len(part) >= LEAST_PROPOSED]
    return groups
