"""Labels in a file beside the samples, matched by row or by id.

For ``x.npy``: ``x.csv``, ``x.labels.csv``, ``labels.csv`` or the same as ``.tsv``; else a numpy
array ``x.labels.npy``, ``x_labels.npy``, ``labels.npy`` or ``y.npy``. Rows are matched by id where
``x.ids.npy``, ``x_ids.npy`` or ``ids.npy`` names the samples, or where the table's ids are row
numbers; else by their order, and then their number must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.csv_format import open_csv
from falcon_svc.data.formats.npy_format import read_array, read_header
from falcon_svc.data.identity import id_column, read_ids
from falcon_svc.data.labels import as_strings
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples, Source, flat_column
from falcon_svc.types import IntArray, Note

TABLES = (".csv", ".labels.csv", ".tsv", ".labels.tsv")
ARRAYS = (".labels.npy", "_labels.npy", ".y.npy", "_y.npy")
IDS = (".ids.npy", "_ids.npy")
IDS_BESIDE = "ids"


def beside(path: Path) -> Path | None:
    """Return the file with the labels, if there is one."""
    tables = [path.with_suffix(suffix) for suffix in TABLES]
    tables += [path.parent / "labels.csv", path.parent / "labels.tsv"]
    arrays = [path.with_name(path.stem + suffix) for suffix in ARRAYS]
    arrays += [path.parent / "labels.npy", path.parent / "y.npy"]
    return next((p for p in (*tables, *arrays) if p.is_file() and p != path), None)


class ArrayLabels:
    """Labels as one numpy array: a table of the one column `coarse`."""

    def __init__(self, path: Path) -> None:
        self.where = quoted(path.name)
        self._path = path

    def columns(self) -> tuple[str, ...]:
        """Return the one column."""
        return ("coarse",)

    def column(self, name: str) -> Column:
        """Return the labels."""
        return load_array(self._path)

    def index_column(self) -> str | None:
        """Return None: an array has no ids."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: integers stand for themselves."""
        return None

    def samples(self) -> Samples:
        """Return nothing: these are labels."""
        return Samples()


def load_array(path: Path) -> NDArray[Any]:
    """Read an array without trust."""
    with path.open("rb") as stream:
        header = read_header(stream, size=path.stat().st_size, where=quoted(path.name))
        return read_array(stream, header)


class BesideSource:
    """Samples of one file with the labels of another."""

    def __init__(self, samples: Source, labels: Source, ids: list[str] | None, config: DataConfig):
        self.where = f"{samples.where} with {labels.where}"
        self._samples = samples
        self._labels = labels
        self._ids = ids
        self._config = config
        self._joined: Joined | None = None

    @classmethod
    def of(cls, path: Path, samples: Source, config: DataConfig) -> Source:
        """Find the labels and ids of a file of samples.

        Raises
        ------
        InputError
            There are no labels.
        """
        found = beside(path)
        if found is None and not config.require_labels:
            return Unlabelled(samples, _ids_beside(path))
        if found is None:
            choices = [path.with_suffix(suffix).name for suffix in TABLES[:2]]
            raise refusal(
                f"the labels in one of {listed([*choices, 'labels.csv'])}",
                "none of them",
                where=f"the folder of {quoted(path.name)}",
                remedy="write the labels as a CSV with a column coarse, one line per row",
                code="no_labels",
            )
        is_array = found.suffix.lower() == ".npy"
        labels = ArrayLabels(found) if is_array else open_csv(found, config)
        return cls(samples, labels, _ids_beside(path), config)

    def columns(self) -> tuple[str, ...]:
        """Return the labels file's columns, and the ids that lie beside the samples."""
        own = self._labels.columns()
        return own if self._ids is None or IDS_BESIDE in own else (*own, IDS_BESIDE)

    def column(self, name: str) -> Column:
        """Return one column of the labels file, in the order of the samples once they are read."""
        joined = self._joined
        if joined is not None and name == joined.column:
            return np.array([*joined.ids, None], dtype=object)[:-1]
        if name not in self._labels.columns():
            return np.array([*(self._ids or []), None], dtype=object)[:-1]
        values = flat_column(self._labels, name)
        return values if joined is None else _taken(values, joined.rows)

    def index_column(self) -> str | None:
        """Return the ids that the labels were matched by, else what the labels file has."""
        if self._joined is not None:
            return self._joined.column
        has_ids = id_column(self._labels, self._config) is not None
        return self._labels.index_column() if has_ids or self._ids is None else IDS_BESIDE

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return what the labels file says."""
        return self._labels.class_names(column)

    def samples(self) -> Samples:
        """Read the samples and match the labels to them."""
        found = self._samples.samples()
        n = len(found.vectors) if found.vectors is not None else len(found.images or ())
        self._joined = self._matched(n)
        return found if self._joined is None else found.told(notes=[self._joined.note])

    def _matched(self, n: int) -> Joined | None:
        """Return the labels' rows in the order of the samples; None where they are in order."""
        if isinstance(self._labels, ArrayLabels):
            return None
        count = len(self._labels.column(self._labels.columns()[0]))
        ids = read_ids(self._labels, self._config, None, count)
        wanted = self._ids or _row_numbers(ids.values, n)
        if ids.column is None or wanted is None or wanted == ids.values:
            return None
        row_of = {one: row for row, one in enumerate(ids.values)}
        if len(row_of) < len(ids.values):
            return None  # repeated ids are refused where ids are judged
        return Joined(wanted, ids.column, np.array([row_of.get(i, -1) for i in wanted], np.int64))


@dataclass(frozen=True)
class Unlabelled:
    """Samples without a file of labels, whose ids may lie beside them."""

    samples_file: Source
    ids: list[str] | None

    @property
    def where(self) -> str:
        """The file's name."""
        return self.samples_file.where

    def columns(self) -> tuple[str, ...]:
        """Return the ids, if there are any."""
        return () if self.ids is None else (IDS_BESIDE,)

    def column(self, name: str) -> Column:
        """Return the ids."""
        return np.array([*(self.ids or []), None], dtype=object)[:-1]

    def index_column(self) -> str | None:
        """Return the ids' column."""
        return None if self.ids is None else IDS_BESIDE

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: there are no labels."""
        return None

    def samples(self) -> Samples:
        """Read the samples."""
        return self.samples_file.samples()


@dataclass(frozen=True)
class Joined:
    """Samples' ids, the column they were found in, and the row of each (-1 = none)."""

    ids: list[str]
    column: str
    rows: IntArray

    @property
    def note(self) -> Note:
        """How many samples were found."""
        text = f"Labels are matched to the samples by the ids in {quoted(self.column)}: "
        text += f"{int((self.rows >= 0).sum()):,} of {len(self.rows):,} samples have a row there."
        return Note("joined_by_id", text)


def _row_numbers(ids: list[str], n: int) -> list[str] | None:
    """Return the row numbers as ids, if all of `ids` are such."""
    rows = [str(row) for row in range(n)]
    return rows if set(ids) <= set(rows) else None


def _taken(values: Column, rows: IntArray) -> Column:
    """Return values by row; missing where the row is -1."""
    taken = values[np.maximum(rows, 0)]
    if (rows >= 0).all():
        return taken
    out = taken.astype(object)
    out[rows < 0] = None
    return out


def _ids_beside(path: Path) -> list[str] | None:
    choices = [path.with_name(path.stem + suffix) for suffix in IDS] + [path.parent / "ids.npy"]
    found = next((choice for choice in choices if choice.is_file()), None)
    if found is None:
        return None
    return as_strings(load_array(found).ravel(), what="ids", where=quoted(found.name))
