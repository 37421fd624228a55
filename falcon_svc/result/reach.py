"""How far a new sample lies from everything that a model was made with.

A head is sure of whatever lies on one side of its borders, however far out; confidence is no test
for outliers. So each fine class keeps its centre and its reach: the distance within which 99 % of
its samples lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import FloatArray, IntArray

INSIDE = 0.99
FEW = 20
UNLIKE = 2.0
"""From this multiple of a class's reach on a sample is unlike anything that was seen."""

BLOCK_CELLS = 1 << 22
CENTRES, RADII = "reach.centres", "reach.radii"


@dataclass(frozen=True)
class Reach:
    r"""Centres and radii of fine classes.

    A class's centre :math:`m` is the mean of its n samples. Its radius is the 99 % quantile of
    their distances to :math:`m`, times :math:`\sqrt{(n + 1) / (n - 1)}`: the samples helped to
    make :math:`m` and lie nearer than new ones do, whose squared distance is larger by that factor
    squared. Classes of fewer than 20 samples, whose quantile is uncertain, and those without
    spread reach at least as far as the median class.

    Parameters
    ----------
    centres
        (F', D) float32 of the classes that have samples.
    radii
        (F',) float32, positive.
    """

    centres: FloatArray
    radii: FloatArray

    @classmethod
    def of(cls, vectors: FloatArray, fine: IntArray) -> Reach:
        """Measure the reach of each class of (N,) `fine` over (N, D) finite `vectors`."""
        classes, sizes = np.unique(fine, return_counts=True)
        parts = np.split(np.argsort(fine, kind="stable"), np.cumsum(sizes)[:-1])
        centres = np.empty((len(classes), vectors.shape[1]), np.float32)
        radii = np.zeros(len(classes), np.float32)
        for k, part in enumerate(parts):
            rows = np.asarray(vectors[part], np.float32)
            centres[k] = rows.mean(axis=0, dtype=np.float64)
            if len(rows) > 1:
                far = np.quantile(np.linalg.norm(rows - centres[k], axis=1), INSIDE)
                radii[k] = far * np.sqrt((len(rows) + 1) / (len(rows) - 1))
        spread = radii[radii > 0]
        usual = np.median(spread) if len(spread) else 1.0
        few = (sizes < FEW) | (radii == 0)
        radii[few] = np.maximum(radii[few], usual)
        return cls(centres, radii)

    def distance(self, vectors: FloatArray) -> FloatArray:
        """Return (N,) the least distance to a class's centre, as a multiple of its radius."""
        step = max(1, BLOCK_CELLS // max(1, len(self.centres) + vectors.shape[1]))
        found = np.empty(len(vectors), np.float32)
        middle = self.centres.mean(axis=0, dtype=np.float64)
        centres = self.centres - middle
        lengths = (centres**2).sum(axis=1)
        for first in range(0, len(vectors), step):
            rows = np.asarray(vectors[first : first + step], np.float64) - middle
            squares = (rows**2).sum(axis=1, keepdims=True) - 2 * rows @ centres.T + lengths
            ratios = np.sqrt(np.maximum(squares, 0)) / self.radii
            found[first : first + step] = ratios.min(axis=1)
        return found

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the numbers by name, as a model file holds them."""
        return {CENTRES: self.centres, RADII: self.radii}

    @classmethod
    def stored(cls, tensors: Mapping[str, NDArray[Any]]) -> Reach | None:
        """Return the reach of a model's tensors; None in models that were made without."""
        return cls(tensors[CENTRES], tensors[RADII]) if CENTRES in tensors else None
