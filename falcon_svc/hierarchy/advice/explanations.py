"""Why finer labels do or do not help: four figures about the geometry of the classes.

Source: the study's findings (arXiv 2509.05130, abstract): what decides is how far the boundaries
of the fine task are those of the coarse one, the sample size and the capacity. Its definitions
could not be read; these are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from falcon_svc.types import FloatArray, IntArray

MOST_ROWS = 5_000
"""Rows that distances are taken between; a random part of larger sets."""
NEIGHBORS = 10


@dataclass(frozen=True)
class Explanations:
    """Figures about geometry and support; None where there are no fine labels.

    Parameters
    ----------
    boundary_redundancy
        Share of rows whose nearest row of another fine class is of another coarse class too, in
        [0, 1]. Near 1 the boundaries of the fine task are those of the coarse task: a head with
        the capacity for them needs no fine labels. Near 0 most of what a fine head learns lies
        inside coarse classes.
    multi_modality
        Coarse accuracy of 10 nearest neighbors minus that of a linear head, in [-1, 1]. Large:
        coarse classes are made of several clouds, which finer labels help a small head with.
    mixing
        1 minus the mean share of a row's neighbors inside its coarse class that have its fine
        label, in [0, 1]. High: the fine labels cannot be learned from these features.
    median_support, least_support
        Rows per fine class, >= 1: the median and the least.

    Examples
    --------
    >>> from falcon_svc.hierarchy.advice import Explanations
    >>> found = Explanations(0.2, 0.1, mixing=0.3, median_support=40.0, least_support=12)
    >>> found.boundary_redundancy < 0.5  # most of what a fine head learns is inside coarse classes
    True
    """

    boundary_redundancy: float | None
    multi_modality: float
    mixing: float | None
    median_support: float | None
    least_support: int | None


def explain(
    vectors: FloatArray,
    coarse: IntArray,
    fine: NDArray[np.str_] | None,
    *,
    linear_accuracy: float,
    seed: int,
) -> Explanations:
    """Return the figures.

    Parameters
    ----------
    vectors, coarse
        (n, D) and (n,).
    fine
        (n,) names, "" where a row has none; None = there are none.
    linear_accuracy
        Coarse accuracy of a linear head on all rows of the folds.
    seed
        Seed of the part that is looked at.
    """
    rows = _part(len(vectors), seed)
    x, c = vectors[rows], coarse[rows]
    neighbors = KNeighborsClassifier(min(NEIGHBORS, len(x) // 2))
    multi_modality = float(cross_val_score(neighbors, x, c, cv=3).mean()) - linear_accuracy
    if fine is None:
        return Explanations(None, multi_modality, None, None, None)
    known = fine[rows] != ""
    ids = _pair_ids(c[known], fine[rows][known])
    support = np.bincount(_pair_ids(coarse[fine != ""], fine[fine != ""]))
    return Explanations(
        boundary_redundancy(x[known], c[known], ids),
        multi_modality,
        mixing(x[known], c[known], ids),
        float(np.median(support)),
        int(support.min()),
    )


def boundary_redundancy(x: FloatArray, coarse: IntArray, fine: IntArray) -> float | None:
    """Return the share of nearest enemies, by fine class, that are of another coarse class.

    None where there is one fine class only.
    """
    if len(np.unique(fine)) < 2:
        return None
    crossing = []
    squares = (x.astype(np.float64) ** 2).sum(axis=1)
    for rows in np.array_split(np.arange(len(x)), max(1, len(x) // 500)):
        distance = squares - 2.0 * (x[rows].astype(np.float64) @ x.T.astype(np.float64))
        distance[fine[rows, None] == fine] = np.inf
        crossing.append(coarse[rows] != coarse[distance.argmin(axis=1)])
    return float(np.concatenate(crossing).mean())


def mixing(x: FloatArray, coarse: IntArray, fine: IntArray) -> float | None:
    """Return 1 minus the neighbors' purity inside coarse classes that have several fine ones."""
    purity = []
    for name in np.unique(coarse):
        inside = np.flatnonzero(coarse == name)
        if len(np.unique(fine[inside])) < 2:
            continue
        k = min(NEIGHBORS, len(inside) - 1)
        near = NearestNeighbors(n_neighbors=k).fit(x[inside]).kneighbors(return_distance=False)
        purity.append((fine[inside][near] == fine[inside, None]).mean(axis=1))
    return 1.0 - float(np.concatenate(purity).mean()) if purity else None


def _pair_ids(coarse: IntArray, fine: NDArray[np.str_]) -> IntArray:
    """A number per pair of coarse class and fine name: a name may repeat in other classes."""
    _, names = np.unique(fine, return_inverse=True)
    _, ids = np.unique(coarse * (names.max(initial=0) + 1) + names, return_inverse=True)
    return ids.astype(np.int64)


def _part(n: int, seed: int) -> IntArray:
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, MOST_ROWS, replace=False))
