"""Images as joint training sees them: strong views for the student, weak ones for the teacher.

Place: what `discovery.training.trainer.train` reads samples through, and as `ImageRows` the loop of
hierarchical classifiers (`hierarchy.classifier.train`). Neighbors, memories and
final features come from clean images; the released code of FALCON searches neighbors on random
crops.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from falcon_svc.discovery.training.samples import shuffled_batches, update_digest
from falcon_svc.encoder.cache import load_or_make
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.image_views import Views
from falcon_svc.progress import Progress
from falcon_svc.types import ByteArray, CoarseDataset, IntArray

READ_ROWS = 256
FORWARD_ROWS = 512


class ImageSamples:
    """N images as one array of pixels, and the views of them.

    Parameters
    ----------
    pixels
        (N, C, S, S) uint8, possibly a read-only memory map.
    views
        Makes (B, C, S, S) float views.
    device
        A torch device for the views.
    """

    most_rows = FORWARD_ROWS

    def __init__(self, pixels: ByteArray, views: Views, device: str) -> None:
        self.device = torch.device(device)
        self._pixels, self._views = pixels, views

    def __len__(self) -> int:
        return len(self._pixels)

    def views(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a strong view and a weak one of rows (B,)."""
        batch = self._gather(rows)
        return (
            _laid_out(self._views.strong(batch, generator)),
            _laid_out(self._views.weak(batch, generator)),
        )

    def weak(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return a weak view of rows (B,)."""
        return _laid_out(self._views.weak(self._gather(rows), generator))

    def clean(self, rows: Tensor) -> Tensor:
        """Return rows (B,) as they are, normalised."""
        return _laid_out(self._views.clean(self._gather(rows)))

    def update(self, digest: hashlib._Hash) -> None:
        """Add all pixels to a digest."""
        update_digest(digest, self._pixels)

    def _gather(self, rows: Tensor) -> Tensor:
        """Return (B, C, S, S) uint8 on the device."""
        return torch.from_numpy(self._pixels[rows.cpu().numpy()]).to(self.device)


class ImageRows:
    """Some of the images, in batches of nearly one length, as weak views.

    Given labels are true of the whole image: strong views, which a student of coarse labels is kept
    busy by, blank and recolour what they are true of (docs/decisions/0018).

    Parameters
    ----------
    images
        N images.
    rows
        (n,) numbers of those that are trained on.
    """

    def __init__(self, images: ImageSamples, rows: IntArray) -> None:
        self._images, self._rows = images, torch.from_numpy(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def batches(self, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Return batches of about `size` row numbers."""
        return shuffled_batches(self._rows, size, generator)

    def inputs(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return weak views (B, C, S, S) of rows (B,)."""
        return self._images.weak(rows, generator)

    def update(self, digest: hashlib._Hash) -> None:
        """Add all pixels, and which of them are trained on."""
        self._images.update(digest)
        update_digest(digest, self._rows.numpy())


def _laid_out(images: Tensor) -> Tensor:
    return images.to(memory_format=torch.channels_last)


def load_or_make_pixels(
    dataset: CoarseDataset, seen: Preprocessing, folder: Path | None, progress: Progress
) -> ByteArray:
    """Return all images (N, C, S, S) as a network sees them, before it normalises them.

    Parameters
    ----------
    dataset
        N images.
    seen
        Size, crop and channels.
    folder
        Where the pixels are kept for a resumed run; None = in memory.
    progress
        Told of the images decoded.
    """
    images, shape = dataset.images, (len(dataset), seen.channels, seen.side, seen.side)
    assert images is not None

    def fill(out: ByteArray) -> None:
        for start in range(0, len(out), READ_ROWS):
            stop = min(start + READ_ROWS, len(out))
            out[start:stop] = seen.read(images, start, stop)
            progress.advance(stop, {})

    if folder is None:
        out = np.zeros(shape, np.uint8)
        fill(out)
        return out
    name = hashlib.sha256(f"{dataset.digest}\n{seen.model_dump_json()}".encode()).hexdigest()
    return load_or_make(folder, name, shape, fill, np.uint8)
