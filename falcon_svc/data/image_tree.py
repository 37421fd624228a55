"""Image folder or zip with one folder per coarse class, or with a manifest at its root.

Hidden files are ignored, and files that lie outside every class folder. A single folder around
everything, and the folders train, val, valid, validation and test, are looked through.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.files import FileStore, FolderStore, ZipStore, survey
from falcon_svc.data.manifest import MANIFEST_NAMES, open_inner_manifest
from falcon_svc.data.refusal import listed, refusal
from falcon_svc.data.source import Column, Samples, Source

SPLITS = {"train", "val", "valid", "validation", "test"}
IGNORED = {"__MACOSX", "Thumbs.db", "desktop.ini"}


def open_zip(path: Path, config: DataConfig) -> Source:
    """Open an archive of images."""
    return _open(ZipStore.open(path, config), config)


def open_folder(path: Path, config: DataConfig) -> Source:
    """Open a folder of images."""
    return _open(FolderStore(path, config.max_entries), config)


def _open(store: FileStore, config: DataConfig) -> Source:
    names = store.names()
    manifest = next((name for name in MANIFEST_NAMES if name in names), None)
    if manifest is not None:
        return open_inner_manifest(store, manifest, config)
    return TreeSource(store, config)


class TreeSource:
    """Files in class folders; columns `id` (the path) and `coarse` (the folder)."""

    def __init__(self, store: FileStore, config: DataConfig) -> None:
        self.where = store.where
        self._store = store
        self._config = config
        names = [name for name in store.names() if not _ignored(name)]
        depth = _class_depth(names)
        inside = [name for name in names if name.count("/") > depth]
        self._files = tuple(name for name in inside if not name.endswith("/"))
        self._classes = [name.split("/")[depth] for name in self._files]
        self._check_folders({name.split("/")[depth] for name in inside})

    def _check_folders(self, folders: set[str]) -> None:
        if not self._files:
            raise refusal(
                "one folder of images per coarse class",
                "no image in a folder",
                where=self.where,
                remedy="put the images into folders named after their coarse classes",
                code="no_data",
            )
        empty = sorted(folders - set(self._classes))
        if empty:
            raise refusal(
                "at least one image in every class folder",
                f"none in {listed(empty)}",
                where=self.where,
                remedy="remove the folder or add its images",
                code="empty_class",
            )

    def columns(self) -> tuple[str, ...]:
        """Return the two columns that folders give."""
        return ("id", "coarse")

    def column(self, name: str) -> Column:
        """Return the paths or the class folders."""
        return np.array(self._files if name == "id" else self._classes, dtype=object)

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: folders are named as the classes."""
        return None

    def samples(self) -> Samples:
        """Check every image."""
        return survey(self._store, self._files, self._config)


def _ignored(name: str) -> bool:
    return any(part.startswith(".") or part in IGNORED for part in name.split("/"))


def _class_depth(names: list[str]) -> int:
    """Return how many folders to look through before the class folders."""
    depth = 0
    while True:
        deep = [name.rstrip("/").split("/")[depth:] for name in names]
        files = [parts for parts, name in zip(deep, names, strict=True) if name[-1] != "/"]
        tops = {parts[0] for parts in files if len(parts) > 1}
        wrapped = files and tops and all(len(parts) != 2 for parts in files)
        if not wrapped or not (len(tops) == 1 or tops <= SPLITS):
            return depth
        depth += 1
