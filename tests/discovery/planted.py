"""Small data with a known answer: Gaussian fine classes, grouped into coarse ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.head_start import HeadStart, random_start
from falcon_svc.neighbors import search_neighbors
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource, Neighbors


@dataclass(frozen=True)
class Planted:
    """Features, truth, and label sources with their neighbors."""

    features: FloatArray
    fine: IntArray
    sources: tuple[LabelSource, ...]
    neighbors: tuple[Neighbors, ...]
    relations: tuple[BoolArray, ...]

    @property
    def n_fine(self) -> int:
        return len(self.relations[0])

    def random_start(self, seed: int = 0) -> HeadStart:
        return random_start(self.n_fine, self.features.shape[1], self.sources, seed=seed)

    def warm_start(self) -> HeadStart:
        """Class means, as a clustering inside coarse classes would find them."""
        means = np.stack([self.features[self.fine == i].mean(axis=0) for i in range(self.n_fine)])
        bias = -0.5 * (means**2).sum(axis=1)
        return HeadStart(means, bias.astype(np.float32), self.relations)


def source_of(parents: IntArray, fine: IntArray, name: str = "coarse") -> LabelSource:
    names = tuple(f"{name}{i}" for i in range(parents.max() + 1))
    return LabelSource(name, parents[fine].astype(np.int64), names)


def relation_of(parents: IntArray) -> BoolArray:
    return parents[:, None] == np.arange(parents.max() + 1)


def planted(
    *,
    seed: int = 0,
    parents: tuple[tuple[int, ...], ...] = ((0, 0, 0, 1, 1, 1, 2, 2, 2),),
    per_class: int = 40,
    dim: int = 12,
    spread: float = 0.35,
) -> Planted:
    """Draw `per_class` samples around one random unit-variance center per fine class."""
    random = np.random.default_rng(seed)
    n_fine = len(parents[0])
    centers = random.standard_normal((n_fine, dim))
    fine = np.repeat(np.arange(n_fine), per_class)
    features = centers[fine] + spread * random.standard_normal((len(fine), dim))
    features = features.astype(np.float32)
    arrays = tuple(np.array(p) for p in parents)
    sources = tuple(source_of(p, fine, f"s{i}_") for i, p in enumerate(arrays))
    return with_sources(features, fine, sources, tuple(relation_of(p) for p in arrays))


def with_sources(
    features: FloatArray,
    fine: IntArray,
    sources: tuple[LabelSource, ...],
    relations: tuple[BoolArray, ...],
) -> Planted:
    neighbors = tuple(search_neighbors(features, source, 10, seed=0) for source in sources)
    return Planted(features, fine, sources, neighbors, relations)


def matching(truth: IntArray, found: IntArray, n_fine: int) -> tuple[float, IntArray]:
    """Return the accuracy under the best matching, and the found class of every true one."""
    table = np.zeros((n_fine, n_fine))
    np.add.at(table, (truth, found), 1)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / len(truth)), columns


SHORT = TrainConfig(
    epochs=4, batch_size=64, learning_rate=5e-3, weight_confidence=0.5, solve_every=5
)
"""A few quick epochs that use every loss and solve often."""
