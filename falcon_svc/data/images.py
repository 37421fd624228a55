"""Images held as one uint8 array: what an `.npz` of pixels becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.refusal import refusal
from falcon_svc.types import BoolArray, ByteArray, Resample

CHANNELS = (1, 3)


@dataclass(frozen=True)
class ArrayImages:
    """N images of one size, (N, H, W, 1 or 3) uint8."""

    pixels: ByteArray

    @classmethod
    def checked(cls, values: NDArray[Any], *, name: str, where: str) -> ArrayImages:
        """Take (N, H, W) or (N, H, W, 1 or 3) uint8; refuse all else."""
        shape = values.shape
        fits = values.ndim == 3 or (values.ndim == 4 and shape[3] in CHANNELS)
        if not fits or values.dtype != np.uint8 or 0 in shape[1:3]:
            raise refusal(
                f"{name} to be vectors (N, D) or uint8 images (N, H, W) or (N, H, W, 1 or 3)",
                f"{values.dtype.name} of shape {shape}",
                where=where,
                remedy="flatten each sample to a vector, or save images as uint8",
                code="bad_shape",
            )
        return cls(values if values.ndim == 4 else values[..., None])

    def __len__(self) -> int:
        return len(self.pixels)

    def keep(self, kept: BoolArray) -> ArrayImages:
        """Return the images of the samples that were kept."""
        return ArrayImages(self.pixels[kept])

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        """Return (stop-start, H, W, 3) uint8 RGB, see `falcon_svc.types.Images`."""
        pixels = self.pixels[start:stop]
        rgb = np.broadcast_to(pixels, (*pixels.shape[:3], 3))
        if side is None or rgb.shape[1:3] == (side, side):
            return np.ascontiguousarray(rgb)
        return _resized(rgb, side, resample)


def _resized(rgb: ByteArray, side: int, resample: Resample) -> ByteArray:
    from PIL import Image

    from falcon_svc.data.decode import fit_square

    out = np.empty((len(rgb), side, side, 3), np.uint8)
    for i, pixels in enumerate(rgb):
        out[i] = fit_square(Image.fromarray(np.ascontiguousarray(pixels)), side, resample)
    return out
