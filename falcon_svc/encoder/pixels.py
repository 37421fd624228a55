"""Pixel PCA: each image resized, flattened and projected on principal components of the set.

No learning beyond the covariance: the plainest feature there is, and the yardstick for others.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.data.pca import BLOCK_ROWS, principal_components
from falcon_svc.encoder.base import EncoderRun
from falcon_svc.progress import Progress
from falcon_svc.types import ByteArray, CoarseDataset, FloatArray, Images

DEFAULT_SIDE = 32
READ_ROWS = 256


class PixelEncoder:
    """Pixels of side x side x 3 reduced to at most `pixel_dim` components."""

    def __init__(self, argument: str, dataset: CoarseDataset, run: EncoderRun) -> None:
        images, config = dataset.images, run.config
        assert images is not None
        self._side = config.pixel_side or _fitting_side(images)
        self._seed = run.seed
        self._width = 3 * self._side**2
        self.dim = min(config.pixel_dim, self._width, max(1, len(images) - 1))

    @property
    def spec(self) -> str:
        """Name, side, components and seed."""
        return f"pixels:side={self._side},dim={self.dim},seed={self._seed}"

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Fill `out` (N, D); all resized pixels are held as uint8, N x side x side x 3 bytes."""
        images = dataset.images
        assert images is not None
        pixels = self._read(images, progress)

        def read(start: int, stop: int) -> FloatArray:
            return pixels[start:stop].astype(np.float32) / np.float32(255)

        shape = (len(images), self._width)
        found = principal_components(read, shape=shape, dim=self.dim, seed=self._seed)
        for start in range(0, len(pixels), BLOCK_ROWS):
            stop = min(start + BLOCK_ROWS, len(pixels))
            out[start:stop] = found.apply(read(start, stop))

    def files(self) -> dict[str, bytes]:
        """Nothing: the components belong to their own images."""
        return {}

    def _read(self, images: Images, progress: Progress) -> ByteArray:
        n = len(images)
        pixels = np.empty((n, self._width), np.uint8)
        for start in range(0, n, READ_ROWS):
            stop = min(start + READ_ROWS, n)
            block = images.read(start, stop, side=self._side)  # (B, side, side, 3)
            pixels[start:stop] = block.reshape(stop - start, -1)
            progress.advance(stop, {})
        return pixels


def _fitting_side(images: Images) -> int:
    """Return 32, or the first image's shorter side where that is smaller: never enlarge."""
    height, width = images.read(0, 1, side=None).shape[1:3]
    return max(2, min(DEFAULT_SIDE, int(height), int(width)))
