"""A small data set on disk whose fine classes are far apart, of unequal number and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FINE_PER_COARSE = (3, 2, 1)
PER_FINE = (30, 45, 20, 40, 25, 50)


def save_separated(path: Path, **more: np.ndarray) -> Path:
    """Write vectors, coarse and fine labels; `more` are further arrays."""
    rng = np.random.default_rng(0)
    fine = rng.permutation(np.repeat(np.arange(6), PER_FINE))
    coarse = np.repeat(np.arange(3), FINE_PER_COARSE)[fine]
    x = (20 * np.eye(6, 8)[fine] + rng.normal(size=(len(fine), 8))).astype(np.float32)
    np.savez(path, x=x, coarse=coarse, fine=fine, **more)
    return path
