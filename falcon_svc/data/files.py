"""Images of a store, whole or cut out of it: decoded once for a check, then when needed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.decode import OversizedImageError, UnreadableImageError, decode, fit_square
from falcon_svc.data.formats.crops import Crops, UnfitBoxError
from falcon_svc.data.formats.stores import FileStore
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Samples
from falcon_svc.errors import InputError
from falcon_svc.types import BoolArray, ByteArray, Note, Resample, SkippedRow

SURVEY_SIDE = 8  # JPEGs are decoded at 1/8 for the check: all bytes are read, few pixels made
SHOWN_SKIPPED = 3


@dataclass(frozen=True)
class FileImages:
    """N image files of a store, or parts of them, decoded when read."""

    store: FileStore
    files: tuple[str, ...]
    max_pixels: int
    crops: Crops | None = None

    def __len__(self) -> int:
        return len(self.files)

    def keep(self, kept: BoolArray) -> FileImages:
        """Return the images of the samples that were kept."""
        files = tuple(name for name, stays in zip(self.files, kept, strict=True) if stays)
        crops = None if self.crops is None else self.crops.keep(kept)
        return replace(self, files=files, crops=crops)

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        """Return (stop-start, H, W, 3) uint8 RGB, see `falcon_svc.types.Images`."""
        rows = range(len(self.files))[start:stop]
        pictures = [self._one(row, side, resample) for row in rows]
        if len({picture.shape for picture in pictures}) > 1:
            raise refusal(
                "images of one size",
                "several sizes",
                where=self.store.where,
                remedy="give the side to resize them to",
                code="mixed_sizes",
            )
        return np.stack(pictures) if pictures else np.empty((0, side or 0, side or 0, 3), np.uint8)

    def content(self, row: int) -> bytes:
        """Return the bytes that make sample `row`, for digests."""
        box = b"" if self.crops is None else self.crops.content(row)
        return self.store.read(self.files[row]) + box

    def _one(self, row: int, side: int | None, resample: Resample) -> ByteArray:
        name = self.files[row]
        try:
            data, crops = self.store.read(name), self.crops
            # A part of an image may be small, so the whole is decoded at full size.
            image = decode(data, max_pixels=self.max_pixels, side=None if crops else side)
            image = image if crops is None else crops.cut(image, row)
        except (UnreadableImageError, OversizedImageError, UnfitBoxError, OSError) as error:
            raise refusal(
                "the image that was readable when the data set was opened",
                str(error),
                where=f"{quoted(name)} of {self.store.where}",
                remedy="leave the files alone during a run",
                code="unreadable",
            ) from error
        return np.asarray(image) if side is None else fit_square(image, side, resample)


def survey(
    store: FileStore, files: tuple[str, ...], config: DataConfig, crops: Crops | None = None
) -> Samples:
    """Decode every file once: which are images, which are skipped, and the digest of all.

    Raises
    ------
    InputError
        An image above the pixel limit, or at least `bad_image_fraction` unreadable ones.
    """
    digest = hashlib.sha256()
    skipped = []
    for row, name in enumerate(files):
        try:
            data = _checked(store, name, config, crops, row)
        except UnreadableImageError as error:
            skipped.append(SkippedRow(row, name, str(error)))
            continue
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    _check_fraction(skipped, len(files), store.where, config)
    kept = np.ones(len(files), np.bool_)
    kept[[skip.row for skip in skipped]] = False
    names = tuple(name for name, keep in zip(files, kept, strict=True) if keep)
    crops = crops and crops.keep(kept)
    images = FileImages(store, names, config.max_image_pixels, crops)
    return Samples(images=images, kept=kept, skipped=tuple(skipped), content=digest.hexdigest())


def _checked(
    store: FileStore, name: str, config: DataConfig, crops: Crops | None, row: int
) -> bytes:
    try:
        _check_size(store.size(name), config)
        data = store.read(name)
        side = None if crops else SURVEY_SIDE
        image = decode(data, max_pixels=config.max_image_pixels, side=side)
        if crops is not None:
            crops.cut(image, row)
            data += crops.content(row)
    except OversizedImageError as error:
        raise refusal(
            f"images of at most {config.max_image_pixels:,} pixels",
            str(error),
            where=f"{quoted(name)} of {store.where}",
            remedy="scale the image down, or raise max_image_pixels",
            code="image_too_large",
        ) from error
    except UnfitBoxError as error:
        raise UnreadableImageError(str(error)) from error
    except OSError as error:
        raise UnreadableImageError(error.strerror or type(error).__name__) from error
    except InputError as error:
        raise UnreadableImageError(str(error)) from error
    return data


def _check_size(size: int | None, config: DataConfig) -> None:
    if size is None:
        raise UnreadableImageError("no such file")
    if size > config.max_image_bytes:
        raise UnreadableImageError(f"{size:,} bytes, more than {config.max_image_bytes:,}")


def skipped_notes(skipped: Sequence[SkippedRow], n_read: int) -> tuple[Note, ...]:
    """Return the note on images that could not be read; none where all `n_read` could."""
    if not skipped:
        return ()
    more = f"; and {len(skipped) - SHOWN_SKIPPED:,} more" if len(skipped) > SHOWN_SKIPPED else ""
    text = (
        f"{len(skipped):,} of {n_read + len(skipped):,} images cannot be read and are left out "
        f"({_shown(skipped)}{more}); falcon validate lists them."
    )
    return (Note("skipped_images", text),)


def _shown(skipped: Sequence[SkippedRow]) -> str:
    return "; ".join(f"{quoted(skip.id)}: {skip.reason}" for skip in skipped[:SHOWN_SKIPPED])


def _check_fraction(skipped: list[SkippedRow], total: int, where: str, config: DataConfig) -> None:
    if not skipped or len(skipped) < config.bad_image_fraction * total:
        return
    raise refusal(
        f"less than {config.bad_image_fraction:.3g} of the images unreadable",
        f"{len(skipped):,} of {total:,} ({_shown(skipped)})",
        where=where,
        remedy="remove or replace these files, or raise bad_image_fraction",
        code="unreadable_images",
    )
