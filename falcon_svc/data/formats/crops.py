"""Objects cut out of images by their boxes: one sample per box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from falcon_svc.types import BoolArray

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".jfif")

ROUNDING = 1e-6  # pixels: shares times a side seldom give whole numbers


class UnfitBoxError(Exception):
    """A box that holds no pixel of its image; the reason is the message."""


@dataclass(frozen=True)
class Crops:
    """Boxes in the order of the samples.

    Parameters
    ----------
    boxes
        (N, 4) left, top, right, bottom; NaN where a row has none.
    relative
        Whether they are shares of width and height instead of pixels.
    """

    boxes: NDArray[np.float64]
    relative: bool

    @classmethod
    def of(cls, boxes: NDArray[np.float64]) -> Crops:
        """Take corners; numbers that are all at most 1 are shares of the image."""
        known = boxes[~np.isnan(boxes).any(axis=1)]
        return cls(boxes, bool(len(known)) and bool((known[:, 2:] <= 1 + 1e-6).all()))

    def keep(self, kept: BoolArray) -> Crops:
        """Return the boxes of the samples that were kept."""
        return Crops(self.boxes[kept], self.relative)

    def cut(self, image: Image.Image, row: int) -> Image.Image:
        """Return the part of an image inside the row's box.

        Raises
        ------
        UnfitBoxError
            No number, or no pixel inside the image.
        """
        box = self.boxes[row]
        if not np.isfinite(box).all():
            raise UnfitBoxError("a box without numbers")
        size = np.array([image.width, image.height, image.width, image.height])
        corners = np.clip(box * size if self.relative else box, 0, size)
        left, top = np.floor(corners[:2] + ROUNDING).astype(int).tolist()
        right, bottom = np.ceil(corners[2:] - ROUNDING).astype(int).tolist()
        if right <= left or bottom <= top:
            raise UnfitBoxError(f"a box outside of the image ({image.width} x {image.height})")
        return image.crop((left, top, right, bottom))

    def content(self, row: int) -> bytes:
        """Return the row's box as bytes, for digests."""
        return bytes(self.boxes[row].tobytes()) + bytes([self.relative])
