"""Sets that are made from a set: with unequal fine classes, or without any finer structure.

`Made` is what a set's name asks for: ``thin=SEED`` keeps a random part of each fine class, as
real data are not equal; ``null=KIND`` leaves one fine class in every coarse class, either a real
one (``single``) or noise of the coarse class's size, mean and covariance. A discovery of a null
is right if it finds one fine class in each coarse class. Made sets are made of the features and
have the first label source only; rows that it does not label are left out, and those without a
fine label, except where noise takes their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.bench.bench_set import BenchSet, in_memory
from falcon_svc.errors import InputError
from falcon_svc.types import IntArray

LEAST_SHARE = 0.05
LEAST_ROWS = 5
MOST_SINGLE = 20
HEAVY_FREEDOM = 3

Kind = Literal["single", "gaussian", "skewed", "heavy", "uniform"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Doubles = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Doubles]
NOISE: dict[Kind, Draw] = {
    "gaussian": lambda random, shape: random.standard_normal(shape),
    "skewed": lambda random, shape: random.standard_exponential(shape) - 1,
    "heavy": lambda random, shape: (
        random.standard_t(HEAVY_FREEDOM, shape) * ((HEAVY_FREEDOM - 2) / HEAVY_FREEDOM) ** 0.5
    ),
    "uniform": lambda random, shape: random.uniform(-(3**0.5), 3**0.5, shape),
}
"""Kind -> draws of mean 0 and variance 1, independent along the axes."""


class Made(BaseModel):
    """What is to be made of a set; nothing by default. First it is thinned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    thin: int | None = Field(
        None, ge=0, lt=2**31, description="Seed of thinning; None = all samples are kept."
    )
    null: Kind | None = Field(None, description="Kind of null; None = the set as it is.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the null.")

    def apply(self, data: BenchSet) -> BenchSet:
        """Return the set that was asked for; its name is that of `data`.

        Raises
        ------
        InputError
            Too few labelled rows are left.
        """
        if self.thin is not None:
            data = thinned(data, seed=self.thin)
        if self.null == "single":
            return single_classes(data, seed=self.seed)
        return data if self.null is None else noise_like(data, self.null, seed=self.seed)


def thinned(data: BenchSet, *, seed: int) -> BenchSet:
    """Return the set with the rows that `unequal_rows` keeps."""
    rows, labels = data.judged, data.dataset.coarse.labels
    kept = rows[unequal_rows(labels[rows], data.truth[rows], seed=seed)]
    return _picked(data, kept, labels[kept], data.dataset.coarse.names)


def unequal_rows(coarse: IntArray, fine: IntArray, *, seed: int) -> IntArray:
    """Return the row numbers that stay, ascending, when fine classes are thinned at random.

    Of each coarse class a random number of fine classes stays, from one to all, and of each of
    these a share ``0.05 ** u`` with u uniform in [0, 1], that is log-uniform from 5 % to all, but
    at least five rows where it has so many.

    Parameters
    ----------
    coarse, fine
        (N,) labels; every fine class lies in one coarse class.
    seed
        Equal seeds keep equal rows.
    """
    random, kept = np.random.default_rng(seed), []
    for parent in np.unique(coarse):
        children = random.permutation(np.unique(fine[coarse == parent]))
        for child in children[: random.integers(1, len(children), endpoint=True)]:
            rows = np.flatnonzero((coarse == parent) & (fine == child))
            share = LEAST_SHARE ** random.random()
            size = max(round(len(rows) * share), min(LEAST_ROWS, len(rows)))
            kept.append(random.permutation(rows)[:size])
    return np.sort(np.concatenate(kept or [np.empty(0, np.int64)]))


def single_classes(data: BenchSet, *, seed: int) -> BenchSet:
    """Return a set of which every coarse class is one real fine class, at most twenty.

    The largest fine class of every coarse class comes first, then the second largest, and so on;
    larger ones before smaller ones, and equal ones in random order.
    """
    rows, labels = data.judged, data.dataset.coarse.labels
    fine, first, sizes = np.unique(data.truth[rows], return_index=True, return_counts=True)
    parents = labels[rows[first]]
    chosen = _largest_in_turn(parents, sizes, np.random.default_rng(seed))
    kept = rows[np.isin(data.truth[rows], fine[chosen])]
    place = {int(fine[i]): place for place, i in enumerate(chosen)}
    names = [f"{data.dataset.coarse.names[parents[i]]} {fine[i]}" for i in chosen]
    return _picked(data, kept, np.array([place[f] for f in data.truth[kept].tolist()]), names)


def _largest_in_turn(parents: IntArray, sizes: IntArray, random: np.random.Generator) -> IntArray:
    """Return positions of at most `MOST_SINGLE` fine classes, the most wanted first."""
    shuffled = random.permutation(len(sizes))
    by_size = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    rank = np.empty(len(sizes), np.int64)
    for parent in np.unique(parents):
        siblings = by_size[parents[by_size] == parent]
        rank[siblings] = np.arange(len(siblings))
    return by_size[np.argsort(rank[by_size], kind="stable")][:MOST_SINGLE]


def noise_like(data: BenchSet, kind: Kind, *, seed: int) -> BenchSet:
    r"""Return the set with every coarse class's rows replaced by noise.

    .. math:: x = \bar x_q + z\, \mathrm{diag}(s / \sqrt{N_q - 1})\, V^T

    with the singular value decomposition :math:`U \mathrm{diag}(s) V^T` of the class's centred
    rows and z drawn by `NOISE`: its expectation has the class's mean and sample covariance, and
    it is skewed or heavy-tailed along the principal axes.
    """
    random, source = np.random.default_rng(seed), data.dataset.coarse
    vectors = np.array(data.features, np.float64)
    for rows in source.rows_by_class():
        mean = vectors[rows].mean(axis=0)
        _, scale, axes = np.linalg.svd(vectors[rows] - mean, full_matrices=False)
        drawn = NOISE[kind](random, (len(rows), len(scale)))
        vectors[rows] = mean + (drawn * scale / max(1, len(rows) - 1) ** 0.5) @ axes
    known = np.flatnonzero(source.labels >= 0)
    noise = in_memory(
        vectors[known],
        source.labels[known],
        source.names,
        [data.dataset.ids[i] for i in known],
    )
    return BenchSet(data.name, noise, source.labels[known], data.spec)


def _picked(
    data: BenchSet, rows: IntArray, labels: IntArray, names: tuple[str, ...] | list[str]
) -> BenchSet:
    """Return these rows with these (len(rows),) coarse labels; classes left empty are dropped.

    Raises
    ------
    InputError
        Fewer than two classes are left.
    """
    used, compact = np.unique(labels, return_inverse=True)
    if len(used) < 2:
        raise InputError(
            f"Expected rows with a fine label in two coarse classes or more, but of {data.name} "
            f"{len(used)} would be left; give a set with more, or leave thin and null out."
        )
    ids = [data.dataset.ids[i] for i in rows]
    dataset = in_memory(data.features[rows], compact, [names[i] for i in used], ids)
    return BenchSet(data.name, dataset, data.truth[rows], data.spec)
