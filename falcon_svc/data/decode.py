"""Decoding one image file into RGB, with every unusual kind given one defined result.

EXIF rotation is applied. Grey is repeated, palettes are looked up, alpha is laid over white,
CMYK and YCbCr are converted, 16-bit grey keeps its upper eight bits, of an animation the first
frame (or page) counts. Formats: PNG, JPEG, WebP, BMP, GIF, TIFF; every other is unreadable, and so
are pixels that are floating-point numbers, whose range nobody knows.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np

from falcon_svc.types import ByteArray, Resample

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
# Everything Pillow has been seen to raise on damaged files, beyond OSError.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError)
DECODE_ERRORS += (struct.error, zlib.error, OverflowError, ZeroDivisionError)  # type: ignore[assignment]
DECODE_ERRORS += (AttributeError, RuntimeError, NotImplementedError, AssertionError)  # type: ignore[assignment]


class UnreadableImageError(Exception):
    """Not an image that we read; the reason is the message."""


class OversizedImageError(Exception):
    """More pixels than allowed are claimed; nothing was decoded."""


def decode(data: bytes, *, max_pixels: int, side: int | None = None) -> Image.Image:
    """Return the image as upright RGB.

    Parameters
    ----------
    data
        Content of the file.
    max_pixels
        Limit of width x height, checked before decoding.
    side
        The side it will be resized to, if any: JPEGs are then decoded at a fitting fraction.

    Raises
    ------
    UnreadableImageError
        Damaged, or a format that is not on the list.
    OversizedImageError
        Too many pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                _check_size(image.size, max_pixels)
                if side is not None:
                    image.draft(None, (side, side))
                return to_rgb(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise OversizedImageError(_claimed(error)) from error
    except UnreadableImageError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError("not a PNG, JPEG, WebP, BMP, GIF or TIFF image") from error
    except DECODE_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableImageError(reason) from error


def _claimed(error: Exception) -> str:
    """The number of pixels in Pillow's own refusal, which speaks of attacks."""
    number = re.search(r"(\d+) pixels", str(error))
    return f"{int(number[1]):,} pixels" if number else "more"


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise OversizedImageError(f"{width} x {height} pixels")
    if not width * height:
        raise UnreadableImageError("it has no pixels")


def to_rgb(image: Image.Image) -> Image.Image:
    """Return RGB by the rules in the module's head."""
    from PIL import Image

    if image.mode == "F":
        raise UnreadableImageError("pixels of floating-point numbers; save 8 or 16 bits")
    if image.mode.startswith("I"):  # I;16, I;16B, I;16L and I, which Pillow would clip at 255
        upper = np.asarray(image).astype(np.int64) >> 8
        return Image.fromarray(upper.clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def fit_square(image: Image.Image, side: int, resample: Resample = "bilinear") -> ByteArray:
    """Return (side, side, 3) uint8: the central square, resized with antialiasing.

    Cropping comes first, inside the resize, so a 1 x 60,000 image costs no more than any other;
    the result is the same as resizing the shorter side and cropping the centre.
    """
    from PIL import Image

    width, height = image.size
    square = min(width, height)
    left, top = (width - square) / 2, (height - square) / 2
    box = (left, top, left + square, top + square)
    resized = image.resize((side, side), Image.Resampling[resample.upper()], box=box)
    return np.asarray(resized, dtype=np.uint8)
