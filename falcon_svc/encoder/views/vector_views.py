"""Random views of vectors, where nothing like a crop or a flip exists.

Place: the `Views` of vectors and single cells. A view of a vector has components set to their mean,
is mixed with another vector of the batch, and gets Gaussian noise in units of each component's
standard deviation. A view of a cell (log-normalised counts) is thinned, has genes set to 0, and is
mixed. Thinning keeps every molecule with a probability of its own per cell, as if it had been
sequenced less deeply; counts are recovered from the logged values `log(1 + unit * count)`, where a
cell's smallest positive value is taken for a count of one.

Shapes: B batch, D components.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from falcon_svc.encoder.backbones.vector_config import VectorConfig
from falcon_svc.types import FloatArray

MOST_ROWS = 20_000
LARGEST_LOGGED = 50.0  # as `data.formats.singlecell` takes it


class VectorViews:
    """Views of vectors (B, D) float.

    Parameters
    ----------
    vectors
        (N, D) of the data set: deviations, means, and whether they are counts.
    strengths
        How far a view may be from its vector.
    """

    def __init__(self, vectors: FloatArray, strengths: VectorConfig) -> None:
        self._strengths = strengths
        some = some_rows(vectors)
        self.logged = are_logged_counts(some)
        self._deviation = torch.from_numpy(some.std(axis=0))
        self._mean = torch.from_numpy(some.mean(axis=0))

    def two(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return two random views."""
        return self.strong(batch, generator), self.strong(batch, generator)

    def strong(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view."""
        return self._view(batch, self._strengths, generator)

    def weak(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view of half the strength."""
        return self._view(batch, self._strengths.halved(), generator)

    def clean(self, batch: Tensor) -> Tensor:
        """Return the vectors."""
        return batch

    def _view(self, batch: Tensor, how: VectorConfig, generator: torch.Generator) -> Tensor:
        if self.logged:
            x = thinned(batch, how.thinning, generator)
            x = blanked(x, how.gene_dropout, torch.zeros(()), generator)
            return mixed(x, how.mixing, generator)
        x = blanked(batch, how.dropout, self._mean, generator)
        x = mixed(x, how.mixing, generator)
        drawn = torch.randn(x.shape, generator=generator, device=generator.device)
        return x + how.noise * self._deviation.to(x) * drawn.to(x)


def some_rows(vectors: FloatArray) -> FloatArray:
    """Return evenly spread rows of (N, D) vectors, enough for their statistics."""
    return vectors[:: max(1, len(vectors) // MOST_ROWS)]


def are_logged_counts(vectors: FloatArray) -> bool:
    """Return whether (N, D) vectors are log-normalised counts: whole numbers once that is undone.

    At least nine of ten positive values must be within 2 % of a whole number of their row's unit,
    which is 100 % for counts and some percent for other numbers.
    """
    if vectors.min() < 0 or vectors.max() >= LARGEST_LOGGED:
        return False
    counts, _ = recovered(torch.from_numpy(np.asarray(vectors)))
    positive = counts[counts > 0]
    whole = (positive / positive.round() - 1).abs() < 0.02
    return bool(positive.numel()) and whole.float().mean().item() > 0.9


def recovered(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return counts (B, D), nearly whole, and units (B, 1) with x = log(1 + unit * count)."""
    linear = torch.expm1(x)
    unit = linear.where(linear > 0, torch.inf).amin(dim=1, keepdim=True)
    unit = unit.where(unit.isfinite(), 1)
    return linear / unit, unit


def thinned(x: Tensor, thinning: float, generator: torch.Generator) -> Tensor:
    """Return log-normalised counts of cells that lost up to a share `thinning` of their molecules.

    A count c becomes Binomial(c, p), p uniform in (1 - thinning, 1) per cell, and is normalised by
    what is left of the cell: log(1 + unit / p * count).
    """
    counts, unit = recovered(x)
    kept = 1 - thinning * _uniform(unit.shape, generator, x)
    home = generator.device
    left = torch.binomial(
        counts.round().to(home), kept.to(home).expand_as(counts), generator=generator
    )
    return torch.log1p(left.to(x) * unit / kept)


def blanked(x: Tensor, share: float, blank: Tensor, generator: torch.Generator) -> Tensor:
    """Return x with a random share of its components set to `blank`, one value or one for each."""
    return torch.where(_uniform(x.shape, generator, x) >= share, x, blank.to(x))


def mixed(x: Tensor, mixing: float, generator: torch.Generator) -> Tensor:
    """Return each row moved by up to a share `mixing` towards another row."""
    order = torch.randperm(len(x), generator=generator, device=generator.device).to(x.device)
    share = mixing * _uniform((len(x), 1), generator, x)
    return x.lerp(x[order], share)


def _uniform(shape: Sequence[int], generator: torch.Generator, like: Tensor) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device).to(like)
