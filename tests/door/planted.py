"""A small data set with four fine classes in two coarse ones."""

from __future__ import annotations

import numpy as np

FINE = np.repeat(np.arange(4), 30)
COARSE = np.array(["bird", "bird", "fish", "fish"])[FINE]


def vectors(dims=6, seed=0):
    """(120, dims) float32: classes that nobody can miss."""
    rng = np.random.default_rng(seed)
    x = 6 * rng.standard_normal((4, dims))[FINE] + rng.standard_normal((len(FINE), dims))
    return x.astype(np.float32)
