"""All images of a data set as one array of pixels, decoded once.

Place: what `pretrain` draws its batches from. The array lies in a folder with a mark of
completeness (`cache`), so that a data set may be larger than memory and a later run need not
decode again; without a folder it is kept in memory.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falcon_svc.encoder.cache import load_or_make
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.progress import Progress
from falcon_svc.types import ByteArray, CoarseDataset, FloatArray, Images

LARGEST_DEFAULT_SIDE = 64
LOOKED_AT = 32
READ_BYTES = 1 << 24
LEAST_STD = 1 / 255


@dataclass(frozen=True)
class PixelStore:
    """The pixels of N images, and their statistics.

    Parameters
    ----------
    pixels
        (N, C, S, S) uint8, C-contiguous, possibly a read-only memory map; C = 1 where every image
        is grey, else 3.
    mean, std
        (C,) over all pixels in [0, 1]; deviations are at least 1/255.
    """

    pixels: ByteArray
    mean: FloatArray
    std: FloatArray

    @classmethod
    def of(cls, pixels: ByteArray) -> PixelStore:
        """Return the store of these pixels; statistics are exact."""
        values = np.arange(256) / 255
        share = _shares(pixels)
        mean = share @ values
        variance = (share * (values - mean[:, None]) ** 2).sum(axis=1)
        std = np.maximum(np.sqrt(variance), LEAST_STD)
        return cls(pixels, mean.astype(np.float32), std.astype(np.float32))

    @property
    def preprocessing(self) -> Preprocessing:
        """How a network sees these pixels, and new images like them."""
        _, channels, side, _ = self.pixels.shape
        mean, std = (tuple(map(float, values)) for values in (self.mean, self.std))
        return Preprocessing(side=side, resized=side, channels=channels, mean=mean, std=std)


def load_or_make_pixels(
    dataset: CoarseDataset, *, side: int | None, folder: Path | None, progress: Progress
) -> PixelStore:
    """Return the pixels of an image data set, decoding them if need be.

    Parameters
    ----------
    dataset
        N images.
    side
        S, px; None = that of the images themselves where they are small, else 64.
    folder
        Where the pixels are kept for later runs; None = in memory.
    progress
        Told of the stage and the images decoded.

    Raises
    ------
    InputError
        An image that was readable before is not any more.
    StorageError
        The folder cannot be written.
    """
    images = dataset.images
    assert images is not None
    fitted = side or fitting_side(images)
    key = hashlib.sha256(f"{dataset.digest}\nside={fitted}".encode()).hexdigest()
    progress.stage("pixels", len(images))

    def pixels(channels: int) -> ByteArray:
        def fill(out: ByteArray) -> None:
            _decode(images, out, progress)

        shape = (len(images), channels, fitted, fitted)
        if folder is not None:
            return load_or_make(folder, f"{key}-{channels}", shape, fill, np.uint8)
        out = np.zeros(shape, np.uint8)
        fill(out)
        return out

    try:
        return PixelStore.of(pixels(1))
    except _ColourError:  # mostly found in the first slice
        return PixelStore.of(pixels(3))


def fitting_side(images: Images) -> int:
    """Return the usual shorter side of the images, at most 64: small images are not resized."""
    rows = np.linspace(0, len(images) - 1, min(LOOKED_AT, len(images))).astype(int)
    sides = [min(images.read(row, row + 1, side=None).shape[1:3]) for row in rows.tolist()]
    return min(LARGEST_DEFAULT_SIDE, int(np.median(sides)))


class _ColourError(Exception):
    """One channel does not do: an image has colours."""


def _decode(images: Images, out: ByteArray, progress: Progress) -> None:
    """Fill (N, C, S, S) with the images, slice by slice."""
    _, channels, side, _ = out.shape
    rows = max(1, READ_BYTES // (3 * side**2))
    for start in range(0, len(out), rows):
        stop = min(start + rows, len(out))
        rgb = images.read(start, stop, side=side)  # (B, S, S, 3)
        if channels == 1 and (rgb != rgb[..., :1]).any():
            raise _ColourError
        out[start:stop] = rgb[..., :channels].transpose(0, 3, 1, 2)
        progress.advance(stop, {})


def _shares(pixels: ByteArray) -> NDArray[np.float64]:
    """Return the share of each of the 256 values in each channel, (C, 256)."""
    n, channels, side, _ = pixels.shape
    counts = np.zeros((channels, 256), np.int64)
    rows = max(1, READ_BYTES // side**2)
    for start in range(0, n, rows):
        for channel in range(channels):
            values = pixels[start : start + rows, channel].reshape(-1)
            counts[channel] += np.bincount(values, minlength=256)
    shares: NDArray[np.float64] = counts / (n * side**2)
    return shares
