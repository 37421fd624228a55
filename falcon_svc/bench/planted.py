"""Planted data on disk: Gaussian fine classes around coarse ones, made in chunks.

Every fine class has a mean of its own near the mean of its coarse class and unit noise around it.
The vectors go into a `.npy` file, labels and fine truth into the CSV beside it, the form in which
`falcon discover` reads vectors without holding them in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from falcon_svc.types import FloatArray, IntArray

CHUNK_ROWS = 65_536


@dataclass(frozen=True)
class Planted:
    """What to plant.

    Parameters
    ----------
    dim, n_coarse, n_fine
        D, C and F; every coarse class gets F / C fine classes, all of equal size.
    coarse_spread, fine_spread
        Standard deviation per dimension of coarse means, and of fine means around them, in units
        of the noise. Two fine classes of one coarse class are about
        ``fine_spread * sqrt(2 D)`` apart.
    """

    dim: int = 128
    n_coarse: int = 100
    n_fine: int = 1_000
    coarse_spread: float = 1.0
    fine_spread: float = 0.4

    def write(self, folder: Path, n_samples: int, *, seed: int) -> Path:
        """Write `n_samples` rows in random order of classes; return the path of the `.npy`."""
        random = np.random.default_rng(seed)
        means = self._means(random)
        fine = random.permutation(np.arange(n_samples) % self.n_fine)
        path = folder / "planted.npy"
        shape = (n_samples, self.dim)
        out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        for first in range(0, n_samples, CHUNK_ROWS):
            part = fine[first : first + CHUNK_ROWS]
            noise = random.standard_normal((len(part), self.dim), np.float32)
            out[first : first + len(part)] = means[part] + noise
        out.flush()
        self._write_labels(path.with_suffix(".csv"), fine)
        return path

    def _means(self, random: np.random.Generator) -> FloatArray:
        """Return (F, D); fine class i belongs to coarse class ``i % C``."""
        coarse = random.standard_normal((self.n_coarse, self.dim), np.float32)
        own = random.standard_normal((self.n_fine, self.dim), np.float32)
        parents = np.arange(self.n_fine) % self.n_coarse
        means: FloatArray = self.coarse_spread * coarse[parents] + self.fine_spread * own
        return means.astype(np.float32)

    def _write_labels(self, path: Path, fine: IntArray) -> None:
        with path.open("w", encoding="utf-8") as file:
            file.write("coarse,fine\n")
            file.writelines(f"{i % self.n_coarse},{i}\n" for i in fine.tolist())
