"""Where head training starts: class vectors, biases and one relation per label source.

Place: argument of `discovery.training.trainer.train_head`. `random_start` is the paper's;
a warm start comes from clustering inside coarse classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.training.relation_step import random_relation
from falcon_svc.types import BoolArray, FloatArray, LabelSource
from solver import Constraints


@dataclass(frozen=True, eq=False)
class HeadStart:
    """Class vectors and relations before the first step.

    Parameters
    ----------
    weight
        (F, D) float32 class vectors.
    bias
        (F,) float32.
    relations
        Per label source (F, C) bool with a child for every coarse class; a row without True is
        an unused fine class.
    wishes
        Per label source, the constraints that every solve of its relation keeps; empty = none.
    """

    weight: FloatArray
    bias: FloatArray
    relations: tuple[BoolArray, ...]
    wishes: tuple[Constraints, ...] = ()

    def __post_init__(self) -> None:
        assert self.bias.shape == self.weight.shape[:1], (self.weight.shape, self.bias.shape)
        assert all(len(r) == len(self.weight) for r in self.relations)
        assert all(r.any(axis=0).all() for r in self.relations), "a coarse class has no child"

    @property
    def n_fine(self) -> int:
        """F."""
        return len(self.weight)


def random_start(
    n_fine: int, dim: int, sources: tuple[LabelSource, ...], *, seed: int
) -> HeadStart:
    """Return the paper's start: a fresh linear layer and relations solved for random affinities.

    Parameters
    ----------
    n_fine, dim
        F and D.
    sources
        Label sources, each with at most F coarse classes.
    seed
        Seed of weights and relations.
    """
    random = np.random.default_rng(seed)
    bound = dim**-0.5  # as torch.nn.Linear
    weight = random.uniform(-bound, bound, (n_fine, dim)).astype(np.float32)
    bias = random.uniform(-bound, bound, n_fine).astype(np.float32)
    relations = tuple(random_relation(n_fine, s.n_coarse, seed=seed) for s in sources)
    return HeadStart(weight, bias, relations)
