"""What a folder or zip holds: a manifest, annotated objects, Parquet shards, or class folders."""

from __future__ import annotations

from pathlib import Path

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.annotations import open_annotations
from falcon_svc.data.formats.image_tree import TreeSource, is_ignored
from falcon_svc.data.formats.manifest import (
    MANIFEST_NAMES,
    open_inner_manifest,
    table_at_root,
    with_images,
)
from falcon_svc.data.formats.parquet import open_shards
from falcon_svc.data.formats.stores import FileStore, FolderStore, ZipStore
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Source

BESIDE_SHARDS = (".json", ".md", ".txt", ".yaml", ".lock")
STORE_MARKS = (".zgroup", "zarr.json", ".zattrs")


def open_zip(path: Path, config: DataConfig) -> Source:
    """Open an archive of images."""
    return _open(ZipStore.open(path, config), config)


def open_folder(path: Path, config: DataConfig) -> Source:
    """Open a folder: an AnnData store, Parquet shards, or images."""
    if any((path / mark).is_file() for mark in STORE_MARKS):
        from falcon_svc.data.formats.zarr_store import open_zarr

        return open_zarr(path, config)
    store = FolderStore.of(path, config)
    shards = _shards(store.names())
    if shards:
        table = open_shards(tuple(path / name for name in shards), quoted(path.name), config)
        return with_images(table, path, config)
    return _open(store, config)


def _shards(names: tuple[str, ...]) -> list[str]:
    """Return the Parquet files of a folder that holds nothing else to read."""
    files = [name for name in names if name[-1] != "/" and not _is_mark(name)]
    shards = [name for name in files if name.lower().endswith(".parquet")]
    others = [n for n in files if n not in set(shards) and not n.lower().endswith(BESIDE_SHARDS)]
    return [] if others else shards


def _is_mark(name: str) -> bool:
    """Return whether a file is hidden, or one of Spark's (``_SUCCESS``, ``_metadata``)."""
    return is_ignored(name) or name.rsplit("/", 1)[-1][0] in "._"


def _open(store: FileStore, config: DataConfig) -> Source:
    names = store.names()
    manifest = next((name for name in MANIFEST_NAMES if name in names), None)
    if manifest is not None:
        return open_inner_manifest(store, manifest, config)
    files = [name for name in names if name[-1] != "/" and not is_ignored(name)]
    annotated = open_annotations(store, config) or table_at_root(store, files, config)
    if annotated is not None:
        return annotated
    tables = [name for name in files if name.lower().endswith((".csv", ".h5ad", ".npz"))]
    if tables and len(tables) == len(files):
        raise refusal(
            "one file, or a folder of images or Parquet shards",
            f"tables alone ({listed(tables)})",
            where=store.where,
            remedy="give one of the files",
            code="wrong_format",
        )
    return TreeSource(store, config)
