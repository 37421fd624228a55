"""Decoding one image file into RGB, with every unusual kind given one defined result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from falcon_svc.types import ByteArray

if TYPE_CHECKING:
    from PIL import Image


def fit_square(image: Image.Image, side: int) -> ByteArray:
    """Return (side, side, 3) uint8: the central square, resized with antialiasing.

    Cropping comes first, inside the resize, so a 1 x 60,000 image costs no more than any other;
    the result is the same as resizing the shorter side and cropping the centre.
    """
    from PIL import Image

    width, height = image.size
    square = min(width, height)
    left, top = (width - square) / 2, (height - square) / 2
    box = (left, top, left + square, top + square)
    resized = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, dtype=np.uint8)
