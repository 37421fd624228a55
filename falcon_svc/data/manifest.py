"""A table (CSV or JSONL) with a column `file_name` or `file` that names images beside it.

Hugging Face's ImageFolder convention: metadata.csv or metadata.jsonl inside a folder or zip, or
a manifest of any name next to its images. Names are relative to the manifest.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from falcon_svc.data.config import DataConfig
from falcon_svc.data.csv_format import open_csv, read_csv
from falcon_svc.data.files import FileStore, FolderStore, survey
from falcon_svc.data.jsonl import open_jsonl, read_jsonl
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples, Source
from falcon_svc.data.table import TableSource

FILE_COLUMNS = ("file_name", "file")
READERS: dict[str, Callable[[BinaryIO, str, DataConfig], TableSource]] = {
    "metadata.csv": read_csv,
    "metadata.jsonl": read_jsonl,
}
MANIFEST_NAMES = tuple(READERS)


def open_table_csv(path: Path, config: DataConfig) -> Source:
    """Open a CSV: a manifest when it names files, else a table of vectors."""
    return _choose(open_csv(path, config), path, config)


def open_table_jsonl(path: Path, config: DataConfig) -> Source:
    """Open a JSONL: a manifest when it names files, else a table of vectors."""
    return _choose(open_jsonl(path, config), path, config)


def open_inner_manifest(store: FileStore, name: str, config: DataConfig) -> Source:
    """Open the manifest inside a folder or zip."""
    where = f"{quoted(name)} of {store.where}"
    table = READERS[name](io.BytesIO(store.read(name)), where, config)
    if _file_column(table) is None:
        raise refusal(
            f"one of the columns {listed(FILE_COLUMNS)}",
            f"the columns {listed(table.columns())}",
            where=where,
            remedy="name each image's path in file_name",
            code="no_such_column",
        )
    return ManifestSource(table, store, config)


def _choose(table: TableSource, path: Path, config: DataConfig) -> Source:
    if _file_column(table) is None or config.vector_column is not None or table.has_vectors():
        return table
    return ManifestSource(table, FolderStore(path.parent, config.max_entries), config)


def _file_column(table: TableSource) -> str | None:
    return next((name for name in FILE_COLUMNS if name in table.columns()), None)


class ManifestSource:
    """Columns from the table, images from the store."""

    def __init__(self, table: TableSource, store: FileStore, config: DataConfig) -> None:
        self.where = table.where
        self._table = table
        self._store = store
        self._config = config

    def columns(self) -> tuple[str, ...]:
        """Return the table's columns."""
        return self._table.columns()

    def column(self, name: str) -> Column:
        """Return one column of the table."""
        return self._table.column(name)

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: the table holds the labels themselves."""
        return None

    def samples(self) -> Samples:
        """Check every image that the table names."""
        column = _file_column(self._table)
        assert column is not None
        files = tuple(str(name or "") for name in self._table.column(column).tolist())
        unsafe = [name for name in files if not _is_plain(name)]
        if unsafe:
            raise refusal(
                "paths relative to the manifest",
                listed(unsafe[:3]),
                where=self.where,
                remedy="write them without .., drive or leading /",
                code="bad_name",
            )
        return survey(self._store, files, self._config)


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and not (
        name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in parts[0]
    )
