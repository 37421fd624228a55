"""Samples made visible: thumbnails of images, lines of text, or fingerprints of vectors.

Place: used by the cards. All classes share one budget of exemplars, so that the page stays
small for a thousand classes too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.report.picture import Picture, data_uri
from falcon_svc.types import ByteArray, CoarseDataset, FloatArray, Images

SIDE = 56  # stored pixels; shown at 48, sharp enough on dense screens
MAX_THUMBNAILS, MAX_LINES = 2400, 6000  # on the page: together with the rest under 8 MB
MAX_BYTES, QUALITIES = 1500, (72, 40, 10)  # of a thumbnail
PER_ROW = 6  # thumbnails
MAX_COLUMNS = 64  # of a fingerprint
SPREAD = 2.5  # standard deviations at which a fingerprint's colour is full


@dataclass(frozen=True)
class Shown:
    """Samples made visible, in one of three ways; empty where none are shown.

    Parameters
    ----------
    images
        A thumbnail per sample; `alt` begins with ``sample``, `names` are their ids.
    quotes
        A line of text per sample.
    strips
        One picture of all samples' features, `height` pixels high.
    names
        Ids of the samples.
    """

    images: tuple[Picture, ...] = ()
    quotes: tuple[str, ...] = ()
    strips: Picture | None = None
    height: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exemplars:
    """Draws samples of one data set.

    Parameters
    ----------
    dataset
        Gives images or texts, where it has them.
    features
        (N, D) what is drawn otherwise.
    n_central, n_border
        Samples shown per class, at most.
    center, spread
        (D,) mean and standard deviation of the features, over a sample of rows.
    """

    dataset: CoarseDataset
    features: FloatArray
    n_central: int
    n_border: int
    center: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, dataset: CoarseDataset, features: FloatArray, n_fine: int) -> Exemplars:
        """Return the drawer for `n_fine` classes, with each class's share of the budget."""
        rows = np.linspace(0, len(features) - 1, min(len(features), 10_000)).astype(np.int64)
        seen = np.asarray(features[rows], np.float32)
        n_central, n_border = _shares(dataset, n_fine)
        center, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-6
        return cls(dataset, features, n_central, n_border, center, spread)

    def central(self, rows: Sequence[int]) -> Shown:
        """Draw a class's most central samples."""
        whole_rows = self.dataset.images is not None and len(rows) > PER_ROW
        n_central = len(rows) // PER_ROW * PER_ROW if whole_rows else len(rows)
        return self._draw(rows[: min(n_central, self.n_central)])

    def border(self, rows: Sequence[int]) -> Shown:
        """Draw a class's border samples."""
        return self._draw(rows[: self.n_border])

    def examples(self, rows: Sequence[int]) -> Shown:
        """Draw a few samples, whatever the number of classes."""
        return self._draw(rows[: PER_ROW if self.dataset.images is not None else 3])

    def _draw(self, rows: Sequence[int]) -> Shown:
        names = tuple(self.dataset.ids[row] for row in rows)
        if not rows:
            return Shown()
        if self.dataset.images is not None:
            return Shown(images=_thumbnails(self.dataset.images, rows, names), names=names)
        if self.dataset.texts is not None:
            return Shown(quotes=tuple(self.dataset.texts[row] for row in rows), names=names)
        return self._fingerprints(rows, names)

    def _fingerprints(self, rows: Sequence[int], names: tuple[str, ...]) -> Shown:
        """One strip of colour per sample: feature by feature, below or above the mean."""
        values = (self.features[list(rows)] - self.center) / self.spread
        source = data_uri("image/png", _diverging_png(_binned(values)))
        strips = Picture(source, f"Feature values of samples {', '.join(names)}")
        return Shown(strips=strips, height=9 * len(rows), names=names)


def _shares(dataset: CoarseDataset, n_fine: int) -> tuple[int, int]:
    """Return how many central and border samples a class shows; images in whole rows."""
    images = dataset.images is not None
    budget = max((MAX_THUMBNAILS if images else MAX_LINES) // max(n_fine, 1), 1)
    if images:
        wanted = PER_ROW * min(max(budget // PER_ROW - 1, 1), 2), PER_ROW
    else:
        wanted = (3, 3) if dataset.texts is not None else (5, 2)
    n_central = min(wanted[0], budget)
    return n_central, min(wanted[1], budget - n_central)


def _thumbnails(images: Images, rows: Sequence[int], names: Sequence[str]) -> tuple[Picture, ...]:
    pixels = (images.read(row, row + 1, side=SIDE)[0] for row in rows)
    sources = (data_uri("image/webp", _small_webp(each)) for each in pixels)
    return tuple(Picture(s, f"sample {name}") for s, name in zip(sources, names, strict=True))


def _small_webp(pixels: ByteArray) -> bytes:
    """Encode as well as `MAX_BYTES` allows."""
    from PIL import Image

    for quality in QUALITIES:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "webp", quality=quality, method=2)
        if buffer.tell() <= MAX_BYTES:
            break
    return buffer.getvalue()


def _binned(values: FloatArray) -> FloatArray:
    """Average neighboring features until at most `MAX_COLUMNS` are left."""
    width = values.shape[1]
    edges = np.linspace(0, width, min(width, MAX_COLUMNS) + 1).astype(np.int64)[:-1]
    counts = np.diff([*edges, width])
    binned = np.add.reduceat(values, edges, axis=1) / np.sqrt(counts)
    return binned.astype(np.float32)


def _diverging_png(values: FloatArray) -> bytes:
    """Blue below the mean, grey at it, orange above it."""
    from PIL import Image

    low, middle, high = (np.array(c) for c in ((58, 110, 165), (225, 225, 222), (208, 112, 40)))
    level = np.clip(values / SPREAD, -1, 1)[..., None]
    colors = middle + np.where(level < 0, (middle - low) * level, (high - middle) * level)
    buffer = io.BytesIO()
    Image.fromarray(colors.round().astype(np.uint8)).save(buffer, "png", optimize=True)
    return buffer.getvalue()
