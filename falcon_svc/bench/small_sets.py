"""Small sets whose fine classes are few and known: planted ones, and scikit-learn's.

They are named ``planted:COUNTS@KEY=VALUE,...`` (`PlantedSet`) and ``sklearn:NAME``
(`SKLEARN_SETS`); ``planted`` and ``sklearn`` alone stand for all of `GROUPS`. A discovery that is
told nothing must find their numbers of fine classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial.distance import pdist
from sklearn import datasets

from falcon_svc.bench.bench_set import in_memory
from falcon_svc.types import CoarseDataset, IntArray

Doubles = NDArray[np.float64]
Truth = tuple[CoarseDataset, IntArray]
"""A data set and its (N,) fine labels."""

LAYOUTS_TRIED = 20


class PlantedSet(BaseModel):
    """Gaussian fine classes of unit variance around means that are far apart.

    Means of the fine classes of one coarse class are at least `distance` apart, and so are those
    of different coarse classes; the nearest pair of siblings is at exactly that distance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    counts: tuple[Annotated[int, Field(ge=1, le=1_000)], ...] = Field(
        min_length=2, max_length=1_000, description="Fine classes per coarse class."
    )
    dim: int = Field(16, ge=1, le=4_096, description="Dimensions of a sample.")
    rows: int = Field(60, ge=2, le=100_000, description="Most samples of a fine class.")
    ratio: float = Field(
        1.0,
        ge=1,
        le=1_000,
        description="Most over fewest samples of a fine class: sizes are log-uniform between.",
    )
    distance: float = Field(
        10.0, gt=0, le=1e6, description="Distance between fine classes, in standard deviations."
    )
    seed: int = Field(0, ge=0, lt=2**31)

    def read(self) -> Truth:
        """Make the set; rows are in random order."""
        random = np.random.default_rng(self.seed)
        means, sizes = self._means(random), self._sizes(random)
        fine = random.permutation(np.repeat(np.arange(len(means)), sizes))
        vectors = means[fine] + random.standard_normal((len(fine), self.dim))
        coarse = np.repeat(np.arange(len(self.counts)), self.counts)[fine]
        names = [f"coarse {q}" for q in range(len(self.counts))]
        return in_memory(vectors, coarse, names), fine

    def _means(self, random: np.random.Generator) -> Doubles:
        """Return (F, D), siblings next to each other."""
        own = [_apart(count, self.dim, self.distance, random) for count in self.counts]
        radius = max(float(np.linalg.norm(means, axis=1).max()) for means in own)
        parents = _apart(len(own), self.dim, self.distance + 2 * radius, random)
        return np.concatenate([parent + means for parent, means in zip(parents, own, strict=True)])

    def _sizes(self, random: np.random.Generator) -> IntArray:
        """(F,) at least 2."""
        shares = self.ratio ** -random.random(sum(self.counts))
        return np.maximum(2, np.round(self.rows * shares)).astype(np.int64)


def _apart(n: int, dim: int, distance: float, random: np.random.Generator) -> Doubles:
    """Return (n, dim) random points around the origin, the nearest two exactly `distance` apart.

    It is the most even of a few layouts, or in one or two dimensions some would be far out.
    """
    if n == 1:
        return np.zeros((1, dim))
    layouts = random.standard_normal((LAYOUTS_TRIED, n, dim))
    spread = [pdist(points) for points in layouts]
    best = int(np.argmax([gaps.min() / gaps.max() for gaps in spread]))
    points = layouts[best] - layouts[best].mean(axis=0)
    return np.asarray(points * (distance / spread[best].min()))


@dataclass(frozen=True)
class SklearnSet:
    """A set that scikit-learn brings along, with coarse classes of ours.

    Parameters
    ----------
    load
        scikit-learn's function.
    names
        Coarse class of every fine class.
    standardised
        Whether columns are set to mean 0 and deviation 1, as their units differ.
    """

    load: Callable[..., tuple[Doubles, IntArray]]
    names: tuple[str, ...]
    standardised: bool = False

    def read(self) -> Truth:
        """Return data set and truth."""
        vectors, fine = self.load(return_X_y=True)
        if self.standardised:
            vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
        names, coarse_of = np.unique(self.names, return_inverse=True)
        return in_memory(vectors, coarse_of[fine], names.tolist()), fine.astype(np.int64)


SKLEARN_SETS = {
    "iris": SklearnSet(datasets.load_iris, ("setosa", "others", "others")),
    "wine": SklearnSet(datasets.load_wine, ("first", "others", "others"), standardised=True),
    "digits": SklearnSet(datasets.load_digits, ("0 to 4",) * 5 + ("5 to 9",) * 5),
}
"""Name after ``sklearn:`` -> set: {1 + 2}, {1 + 2} and {5 + 5} fine classes."""

GROUPS = {
    "planted": (
        "planted:4,2,3@dim=16,seed=0",
        "planted:4,2,3@dim=16,seed=1",
        "planted:4,2,3@dim=2",
        "planted:4,2,3@dim=4",
        "planted:4,2,3@dim=64",
        "planted:4,2,3@dim=16,rows=20",
        "planted:4,2,3@dim=16,rows=300",
        "planted:4,2,3@dim=4,ratio=5",
        "planted:4,2,3@dim=16,ratio=5",
        "planted:4,2,3@dim=64,ratio=5",
        "planted:4,2,3@dim=16,rows=200,ratio=20",
        "planted:1,2@dim=4",
        "planted:1,2@dim=16,ratio=5",
        "planted:1,1,3@dim=8",
        "planted:2,2@dim=8",
        "planted:2,5@dim=16,rows=120,ratio=10",
        "planted:1,4,2,3@dim=16",
        "planted:2,2,2,2,2@dim=16",
        "planted:6,1,1,1@dim=16,ratio=5",
        "planted:8,3@dim=32",
        "planted:5,5,5@dim=32,ratio=5",
        "planted:1,2,1,3,1,2,4,1@dim=32,rows=40",
    ),
    "sklearn": tuple(f"sklearn:{name}" for name in SKLEARN_SETS),
}
"""A word for several sets -> their names."""
