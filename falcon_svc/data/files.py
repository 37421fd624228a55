"""Image files of a folder or of a zip, read by name and never unpacked to disk."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.decode import OversizedImageError, UnreadableImageError, decode, fit_square
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Samples
from falcon_svc.data.zip_guard import ZipMember, read_directory, read_member
from falcon_svc.errors import InputError
from falcon_svc.types import ByteArray, Resample, SkippedRow

SURVEY_SIDE = 8  # JPEGs are decoded at 1/8 for the check: all bytes are read, few pixels made
SHOWN_SKIPPED = 3


class FileStore(Protocol):
    """Files under one root."""

    @property
    def where(self) -> str:
        """Name of the folder or archive, for messages."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return files and, with a closing "/", folders: relative, posix, sorted."""
        ...

    def size(self, name: str) -> int | None:
        """Return the file's bytes, None when there is no such file."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        ...


@dataclass(frozen=True)
class ZipStore:
    """The files of an archive whose directory has been checked."""

    path: Path
    members: dict[str, ZipMember]

    @classmethod
    def open(cls, path: Path, config: DataConfig) -> ZipStore:
        """Check the archive."""
        return cls(path, {member.name: member for member in read_directory(path, config)})

    @property
    def where(self) -> str:
        """Name of the archive."""
        return quoted(self.path.name)

    def names(self) -> tuple[str, ...]:
        """Return the members' names, sorted."""
        return tuple(sorted(self.members))

    def size(self, name: str) -> int | None:
        """Return the unpacked size."""
        return self.members[name].size if name in self.members else None

    def read(self, name: str) -> bytes:
        """Inflate one member."""
        return read_member(self.path, self.members[name])


@dataclass(frozen=True)
class FolderStore:
    """The files of a folder; links may not leave it."""

    root: Path
    max_entries: int

    @property
    def where(self) -> str:
        """Name of the folder."""
        return quoted(self.root.name)

    def names(self) -> tuple[str, ...]:
        """Return files and folders below the root, sorted."""
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        found: list[str] = []
        waiting = [self.root]
        while waiting:
            for entry in waiting.pop().iterdir():
                name = entry.relative_to(self.root).as_posix()
                if self._is_folder(entry, name):
                    waiting.append(entry)
                    name += "/"
                found.append(name)
                self._check_count(len(found))
        return tuple(sorted(found))

    def _check_count(self, count: int) -> None:
        if count > self.max_entries:
            raise refusal(
                f"at most {self.max_entries:,} files",
                "more",
                where=self.where,
                remedy="split the folder or raise max_entries",
                code="too_many_entries",
            )

    def _is_folder(self, entry: Path, name: str) -> bool:
        """Return True for a folder, False for a file; refuse devices and links that leave."""
        mode = entry.lstat().st_mode
        if stat.S_ISLNK(mode) and self._inside(entry):
            mode = stat.S_IFREG if entry.is_file() else 0
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise refusal(
                "plain files and folders",
                f"a link that leaves the folder, a linked folder or a device ({quoted(name)})",
                where=self.where,
                remedy="copy the files into the folder",
                code="unsafe_link",
            )
        return stat.S_ISDIR(mode)

    def _inside(self, entry: Path) -> bool:
        # realpath, since Path.resolve raises on loops of links
        return Path(os.path.realpath(entry)).is_relative_to(os.path.realpath(self.root))

    def size(self, name: str) -> int | None:
        """Return the file's size; None for names that leave the folder too."""
        path = self.root / name
        return path.stat().st_size if self._inside(path) and path.is_file() else None

    def read(self, name: str) -> bytes:
        """Read one file."""
        return (self.root / name).read_bytes()


@dataclass(frozen=True)
class FileImages:
    """N image files of a store, decoded when read."""

    store: FileStore
    files: tuple[str, ...]
    max_pixels: int

    def __len__(self) -> int:
        return len(self.files)

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        """Return (stop-start, H, W, 3) uint8 RGB, see `falcon_svc.types.Images`."""
        pictures = [self._one(name, side, resample) for name in self.files[start:stop]]
        if len({picture.shape for picture in pictures}) > 1:
            raise refusal(
                "images of one size",
                "several sizes",
                where=self.store.where,
                remedy="give the side to resize them to",
                code="mixed_sizes",
            )
        return np.stack(pictures) if pictures else np.empty((0, side or 0, side or 0, 3), np.uint8)

    def _one(self, name: str, side: int | None, resample: Resample) -> ByteArray:
        try:
            image = decode(self.store.read(name), max_pixels=self.max_pixels, side=side)
        except (UnreadableImageError, OversizedImageError, OSError) as error:
            raise refusal(
                "the image that was readable when the data set was opened",
                str(error),
                where=f"{quoted(name)} of {self.store.where}",
                remedy="leave the files alone during a run",
                code="unreadable",
            ) from error
        return np.asarray(image) if side is None else fit_square(image, side, resample)


def survey(store: FileStore, files: tuple[str, ...], config: DataConfig) -> Samples:
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
            data = _checked(store, name, config)
        except UnreadableImageError as error:
            skipped.append(SkippedRow(row, name, str(error)))
            continue
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    _check_fraction(skipped, len(files), store.where, config)
    kept = np.ones(len(files), np.bool_)
    kept[[skip.row for skip in skipped]] = False
    names = tuple(name for name, keep in zip(files, kept, strict=True) if keep)
    images = FileImages(store, names, config.max_image_pixels)
    return Samples(images=images, kept=kept, skipped=tuple(skipped), content=digest.hexdigest())


def _checked(store: FileStore, name: str, config: DataConfig) -> bytes:
    try:
        _check_size(store.size(name), config)
        data = store.read(name)
        decode(data, max_pixels=config.max_image_pixels, side=SURVEY_SIDE)
    except OversizedImageError as error:
        raise refusal(
            f"images of at most {config.max_image_pixels:,} pixels",
            str(error),
            where=f"{quoted(name)} of {store.where}",
            remedy="scale the image down, or raise max_image_pixels",
            code="image_too_large",
        ) from error
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


def _check_fraction(skipped: list[SkippedRow], total: int, where: str, config: DataConfig) -> None:
    if not skipped or len(skipped) < config.bad_image_fraction * total:
        return
    shown = "; ".join(f"{quoted(skip.id)}: {skip.reason}" for skip in skipped[:SHOWN_SKIPPED])
    raise refusal(
        f"less than {config.bad_image_fraction:.3g} of the images unreadable",
        f"{len(skipped):,} of {total:,} ({shown})",
        where=where,
        remedy="remove or replace these files, or raise bad_image_fraction",
        code="unreadable_images",
    )
