"""A table whose rows are images: a column names files beside it, or holds their bytes.

Hugging Face's ImageFolder convention (metadata.csv or metadata.jsonl inside a folder or zip), any
annotation table next to its images, and Parquet with an image column. Names are relative to the
table. Rows with a box are cut out of their image, and then have ids ``file#0``, ``file#1``, ...
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa

from falcon_svc.data.column_names import ID_NAMES, IMAGE_NAMES, Roles, first_of
from falcon_svc.data.config import DataConfig
from falcon_svc.data.files import survey
from falcon_svc.data.formats.box_columns import BoxColumns, to_corners
from falcon_svc.data.formats.crops import IMAGE_SUFFIXES, Crops
from falcon_svc.data.formats.csv_format import open_csv, read_csv
from falcon_svc.data.formats.feather import open_feather
from falcon_svc.data.formats.jsonl import open_jsonl, read_jsonl
from falcon_svc.data.formats.parquet import open_parquet
from falcon_svc.data.formats.stores import CellStore, FileStore, FolderStore
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.image_names import ImageFinder, composed
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples, Source
from falcon_svc.errors import InputError
from falcon_svc.types import Note

FILE_COLUMNS = ID_NAMES[2:]  # file_name and file, whatever their values look like
MANIFEST_NAMES = ("metadata.csv", "metadata.jsonl")
SUFFIXES = (".csv", ".tsv", ".jsonl")
STEM_NAMES = (*IMAGE_NAMES, "image_id", "img_id", "imageid")
LOOKED_AT = 100


def open_table_csv(path: Path, config: DataConfig) -> Source:
    """Open a CSV: a manifest when it names images, else a table of vectors."""
    return _choose(open_csv(path, config), path, config)


def open_table_jsonl(path: Path, config: DataConfig) -> Source:
    """Open a JSONL: a manifest when it names images, else a table of vectors."""
    return _choose(open_jsonl(path, config), path, config)


def open_table_parquet(path: Path, config: DataConfig) -> Source:
    """Open a Parquet file: images when it holds or names them, else a table of vectors."""
    return _choose(open_parquet(path, config), path, config)


def open_table_feather(path: Path, config: DataConfig) -> Source:
    """Open a Feather file: images when it holds or names them, else a table of vectors."""
    return _choose(open_feather(path, config), path, config)


def table_at_root(store: FileStore, names: list[str], config: DataConfig) -> Source | None:
    """Return the images of the only table at the root, if it names images and their labels."""
    tables = [name for name in names if "/" not in name and name.lower().endswith(SUFFIXES)]
    if len(tables) != 1:
        return None
    try:
        table = _inner(store, tables[0], config)
    except InputError:
        return None  # not a table of images, then; class folders say what the images are
    labelled = Roles.of(table.columns(), config).sources
    if file_column(table) is None or not labelled:
        return None
    return ManifestSource(table, store, config)


def _inner(store: FileStore, name: str, config: DataConfig) -> TableSource:
    where = f"{quoted(name)} of {store.where}"
    reader = read_jsonl if name.lower().endswith(".jsonl") else read_csv
    return reader(io.BytesIO(store.read(name)), where, config)


def open_inner_manifest(store: FileStore, name: str, config: DataConfig) -> Source:
    """Open the manifest inside a folder or zip."""
    where = f"{quoted(name)} of {store.where}"
    table = _inner(store, name, config)
    if file_column(table) is None:
        raise refusal(
            f"one of the columns {listed(FILE_COLUMNS)}",
            f"the columns {listed(table.columns())}",
            where=where,
            remedy="name each image's path in file_name",
            code="no_such_column",
        )
    return ManifestSource(table, store, config)


def _choose(table: TableSource, path: Path, config: DataConfig) -> Source:
    return with_images(table, path.parent, config)


def with_images(table: TableSource, folder: Path, config: DataConfig) -> Source:
    """Return the table itself when it holds features, else the images that it names or holds."""
    told = config.vector_column is not None or config.feature_columns or config.samples == "texts"
    if told or table.has_vectors():
        return table
    if table.image_column is not None:
        return CellSource(table, config)
    if file_column(table) is not None:
        return ManifestSource(table, FolderStore.of(folder, config), config)
    return _by_stems(table, folder, config) or table


def _by_stems(table: TableSource, folder: Path, config: DataConfig) -> Source | None:
    """Return the images whose names stand in a column without their suffix, as Kaggle has them."""
    there = [name for name in table.columns() if table.is_text(name)]
    bare = len(there) == len(table.columns()) == 2  # ids and labels alone
    names = (*STEM_NAMES, "id") if bare else STEM_NAMES
    usual = [n for n in (first_of((name,), there) for name in names) if n is not None]
    if not usual:
        return None
    try:
        store = FolderStore.of(folder, config)
        finder = ImageFinder(store.names())
    except InputError:
        return None  # the table lies among other things
    for column in usual:
        found = finder.by_stem([str(value or "").strip() for value in table.column(column)])
        if found and 2 * len(found) >= len(set(table.column(column).tolist())):
            return ManifestSource(table, store, config, column, found)
    return None


def file_column(table: TableSource) -> str | None:
    """Return the column that names images: by its name, and mostly by its values too."""
    there = [name for name in table.columns() if table.is_text(name)]
    exact = first_of(FILE_COLUMNS, there)
    if exact is not None:
        return exact
    usual = [n for n in (first_of((name,), there) for name in IMAGE_NAMES) if n is not None]
    return next((name for name in usual if _names_images(table.column(name))), None)


def _names_images(values: Column) -> bool:
    names = [str(value) for value in values[:LOOKED_AT].tolist() if value]
    images = [name for name in names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    return bool(names) and 2 * len(images) > len(names)


class ManifestSource:
    """Columns from the table, images from the store.

    Parameters
    ----------
    column, stems
        The column that names the images, and the files of its values; None = `file_column`, whose
        values are the files.
    """

    def __init__(
        self,
        table: TableSource,
        store: FileStore,
        config: DataConfig,
        column: str | None = None,
        stems: Mapping[str, str] | None = None,
    ) -> None:
        self.where = table.where
        self._table = table
        self._store = store
        self._config = config
        column = column or file_column(table)
        assert column is not None
        self._file = column
        self._stems = stems or {}
        self._boxes = BoxColumns.find(table.columns())
        self._crop_id = f"{column}#n" if self._boxes else None

    def columns(self) -> tuple[str, ...]:
        """Return the columns' names; those of boxes say where, not what."""
        boxes = self._boxes.names if self._boxes else ()
        return tuple(
            name
            for name in (*self._table.columns(), *([self._crop_id] if self._crop_id else []))
            if name not in boxes
        )

    def column(self, name: str) -> Column:
        """Return one column of the table, or the ids of crops."""
        return self._crop_ids if name == self._crop_id else self._table.column(name)

    def index_column(self) -> str | None:
        """Return the crops' ids, else the images' names where no other column is named as ids."""
        named = Roles.of(self._table.columns(), self._config).id_column
        return self._crop_id or (None if named else self._file)

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return what the table's metadata say."""
        return self._table.class_names(column)

    @cached_property
    def _files(self) -> tuple[str, ...]:
        values = [str(name or "").strip() for name in self._table.column(self._file).tolist()]
        return tuple(self._stems.get(name, name).replace("\\", "/") for name in values)

    @property
    def _crop_ids(self) -> Column:
        """(rows,) the file and how often it was named before."""
        seen: Counter[str] = Counter()
        ids = []
        for name in self._files:
            ids.append(f"{name}#{seen[name]}")
            seen[name] += 1
        return np.array([*ids, None], dtype=object)[:-1]

    def samples(self) -> Samples:
        """Check every image that the table names."""
        files, notes = self._found()
        found = survey(self._store, files, self._config, self._crops())
        used = (self._file, *(self._boxes.names if self._boxes else ()))
        why = "the samples are images"
        left_out = tuple((n, why) for n in self._table.number_columns() if n not in used)
        if self._boxes is not None:
            notes.append(_cropped(self._boxes))
        return found.told(left_out=left_out, notes=[*self._table.notes, *notes])

    def _found(self) -> tuple[tuple[str, ...], list[Note]]:
        """Return the files as they are named, or else as they are found further below.

        Raises
        ------
        InputError
            Not one of them is there, or their names lead elsewhere.
        """
        files = self._spelled_as_there()
        unsafe = [name for name in files if not _is_plain(name)]
        if not unsafe and any(self._store.size(name) is not None for name in files):
            return files, []
        finder = ImageFinder(self._store.names())
        below = [finder.find(name) if name else None for name in files]
        lost = sum(name is None for name in below)
        if lost == len(files) or (unsafe and lost):
            raise self._not_here(unsafe)
        found = tuple(name or told for name, told in zip(below, files, strict=True))
        text = f"Images named in {quoted(self._file)} were found by the ends of their paths, the "
        text += f"first as {quoted(next(name for name in below if name))}."
        return found, [Note("found_below", text)]

    def _spelled_as_there(self) -> tuple[str, ...]:
        """Return the files by the spelling of the folder, where only the Unicode form differs."""
        if all(map(str.isascii, self._files)):
            return self._files
        there = {composed(name): name for name in self._store.names()}
        return tuple(there.get(composed(name), name) for name in self._files)

    def _not_here(self, unsafe: list[str]) -> Exception:
        """Return the refusal of a table of which no image is here; its numbers are no features."""
        if unsafe:
            return refusal(
                f"paths in {quoted(self._file)} that are relative to the manifest",
                listed(unsafe[:3]),
                where=self.where,
                remedy="write them without .., drive or leading /; if the features are numbers, "
                "name them with feature_columns",
                code="bad_name",
            )
        return refusal(
            f"the images that column {quoted(self._file)} names, beside the table",
            f"none of {len(self._files):,} ({listed(self._files[:3])}: no such file)",
            where=self.where,
            remedy="put the images there; if the features are numbers, name them with "
            "feature_columns",
            code="unreadable_images",
        )

    def _crops(self) -> Crops | None:
        if self._boxes is None:
            return None
        boxes = self._boxes.read(self._table.column)
        return Crops.of(to_corners(boxes, self._boxes.convention))


def _cropped(boxes: BoxColumns) -> Note:
    text = f"Samples are cut out of their images by {listed(boxes.names)} (read as {boxes.words}), "
    text += "one per row; "
    return Note("crops", text + "ids are the file and a number from 0.")


class CellSource:
    """Images whose bytes are in a column of the table, as Hugging Face stores them."""

    def __init__(self, table: TableSource, config: DataConfig) -> None:
        self.where = table.where
        self._table = table
        self._config = config

    def columns(self) -> tuple[str, ...]:
        """Return the table's columns."""
        return self._table.columns()

    def column(self, name: str) -> Column:
        """Return one column of the table."""
        return self._table.column(name)

    def index_column(self) -> str | None:
        """Return what the table has for ids."""
        return self._table.index_column()

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return what the table's metadata say."""
        return self._table.class_names(column)

    def samples(self) -> Samples:
        """Check every image; its name is its row number."""
        column = self._table.image_column
        assert column is not None
        cells = [_bytes(cell) for piece in self._table.pieces(column) for cell in piece]
        store = CellStore(f"{quoted(column)} of {self.where}", cells)
        return survey(store, tuple(map(str, range(len(cells)))), self._config)


def _bytes(cell: pa.Scalar) -> bytes:
    if isinstance(cell, pa.StructScalar):
        cell = cell["bytes"] if cell.is_valid else pa.scalar(None)
    return cell.as_py() or b""


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return bool(name) and not (
        name.startswith("/") or ".." in parts or "\0" in name or ":" in parts[0]
    )
