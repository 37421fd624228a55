"""Tables of columns (CSV, JSONL, Parquet): which are the vectors, and Arrow to numpy.

Vectors are one list column (``vector_column``, else x, vector, embedding) or else all columns of
numbers that are not labels, ids, texts, ``split`` or the fine truth. Other columns are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import listed, quoted, reading, refusal
from falcon_svc.data.source import Column, Samples
from falcon_svc.types import FloatArray

VECTOR_NAMES = ("x", "vector", "embedding")
NEVER_FEATURES = ("id", "ids", "file_name", "file", "path", "text", "texts", "split", "label")
SEPARATORS = re.compile(r"[\s,;]+")
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True)
class Columns:
    """Columns by name: what they are, and how to read one."""

    schema: pa.Schema
    rows: int
    read: Callable[[str], pa.ChunkedArray]


def is_reserved(name: str, config: DataConfig) -> bool:
    """Return whether a column is a label, id or text, and so never a feature."""
    chosen = (config.coarse_column, config.fine_column, config.id_column, config.text_column)
    return (
        name in NEVER_FEATURES
        or name in chosen
        or name in config.label_sources.values()
        or name.startswith(("coarse", "fine"))
    )


def check_names(names: list[str], where: str) -> None:
    """Refuse columns without a name or with the same name."""
    repeated = sorted({name for name in names if names.count(name) > 1}) if names else []
    if repeated or "" in names:
        raise refusal(
            "a different name for every column",
            f"{listed(repeated)} more than once" if repeated else "a column without name",
            where=where,
            remedy="rename the columns in the first line",
            code="duplicate_column",
        )


class TableSource:
    """A table whose rows are samples."""

    def __init__(self, where: str, columns: Columns, config: DataConfig) -> None:
        self.where = where
        self._columns = columns
        self._config = config

    def columns(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(self._columns.schema.names)

    def column(self, name: str) -> Column:
        """Return whole numbers (null as -1), floats (null as NaN) or strings (null as None)."""
        self._check_plain(name)
        with reading(f"a plain column {quoted(name)}", where=self.where, errors=ARROW_ERRORS):
            return to_numpy(self._columns.read(name))

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: tables hold the labels themselves."""
        return None

    def has_vectors(self) -> bool:
        """Return whether there is a vector column by name and type."""
        return self._vector_column() is not None

    def samples(self) -> Samples:
        """Read the vector column, or else the columns of numbers."""
        name = self._vector_column()
        if name is None:
            return self._number_columns()
        with reading(f"vectors in {quoted(name)}", where=self.where, errors=ARROW_ERRORS):
            values = self._columns.read(name)
            if _is_list(values.type):
                return Samples(vectors=_from_lists(values, name, self.where))
            return Samples(vectors=_from_texts(to_numpy(values), name, self.where))

    def _vector_column(self) -> str | None:
        wanted, schema = self._config.vector_column, self._columns.schema
        if wanted is None:
            return next((n for n in VECTOR_NAMES if n in schema.names and self._is_vector(n)), None)
        if wanted not in schema.names or not self._is_vector(wanted):
            kind = schema.field(wanted).type if wanted in schema.names else "no such column"
            raise refusal(
                f"a column {quoted(wanted)} with lists of numbers",
                f"{kind} among the columns {listed(schema.names)}",
                where=self.where,
                remedy="name the right one with vector_column",
                code="no_such_column",
            )
        return wanted

    def _is_vector(self, name: str) -> bool:
        kind = self._columns.schema.field(name).type
        return _is_list(kind) or _is_text(kind)

    def _number_columns(self) -> Samples:
        schema = self._columns.schema
        names = [
            field.name
            for field in schema
            if _is_number(field.type) and not is_reserved(field.name, self._config)
        ]
        if not names:
            raise refusal(
                "a vector column or columns of numbers",
                f"the columns {listed(f'{field.name}: {field.type}' for field in schema)}",
                where=self.where,
                remedy="name the vectors with vector_column",
                code="no_such_column",
            )
        self._check_width(len(names))
        out = np.empty((self._columns.rows, len(names)), np.float32)
        with (
            np.errstate(over="ignore"),
            reading("columns of numbers", where=self.where, errors=ARROW_ERRORS),
        ):
            for j, name in enumerate(names):
                out[:, j] = _floats(self._columns.read(name))
        return Samples(vectors=out, names=tuple(names))

    def _check_width(self, width: int) -> None:
        size = 4 * width * self._columns.rows
        if width > self._config.max_dimensions or size > self._config.max_bytes:
            raise refusal(
                f"at most {self._config.max_dimensions:,} columns and "
                f"{self._config.max_bytes:,} bytes",
                f"{width:,} columns and {size:,} bytes",
                where=self.where,
                remedy="reduce the vectors, or raise max_dimensions or max_bytes",
                code="too_large",
            )

    def _check_plain(self, name: str) -> None:
        kind = self._columns.schema.field(name).type
        if not (_is_number(kind) or _is_text(kind) or pa.types.is_null(kind)):
            raise refusal(
                f"whole numbers or strings in column {quoted(name)}",
                f"the type {kind}",
                where=self.where,
                remedy="convert the column, or name another one",
                code="bad_dtype",
            )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type) or _is_number(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_list(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in lists) and _is_number(kind.value_type)


def to_numpy(values: pa.ChunkedArray) -> Column:
    """Return (rows,) numpy; strings repeated by a dictionary share their memory."""
    if pa.types.is_dictionary(values.type):
        return np.concatenate([_decoded(chunk) for chunk in values.chunks] or [np.empty(0, object)])
    if pa.types.is_integer(values.type):
        return np.asarray(values.fill_null(-1).to_numpy())
    if pa.types.is_null(values.type):
        return np.full(len(values), "", dtype=object)
    return np.asarray(values.to_numpy())


def _decoded(chunk: pa.DictionaryArray) -> Column:
    words = np.array([*chunk.dictionary.to_pylist(), None], dtype=object)
    codes = chunk.indices.fill_null(len(words) - 1).to_numpy()
    return np.asarray(words[codes])


def _floats(values: pa.ChunkedArray) -> NDArray[Any]:
    """Return (rows,) numbers with null as NaN."""
    return np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy())


def _from_lists(values: pa.ChunkedArray, name: str, where: str) -> FloatArray:
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
    width = int(lengths[0]) if len(lengths) else 0
    _check_equal(lengths, width, name, where)
    out = np.empty((len(values), width), np.float32)
    start = 0
    with np.errstate(over="ignore"):
        for chunk in values.chunks:
            flat = _floats(pa.chunked_array([chunk.flatten()]))
            out[start : start + len(chunk)] = flat.reshape(len(chunk), width)
            start += len(chunk)
    return out


def _check_equal(lengths: NDArray[Any], width: int, name: str, where: str) -> None:
    other = np.flatnonzero(lengths != width)
    if other.size:
        raise refusal(
            f"{width:,} numbers in {quoted(name)} as in row 0",
            f"{int(lengths[other[0]]):,} in row {int(other[0])} (and {other.size - 1:,} further "
            "rows of another length)",
            where=where,
            remedy="give all vectors the same length",
            code="ragged",
        )


def _from_texts(texts: Column, name: str, where: str) -> FloatArray:
    """Parse vectors written as "[1, 2, 3]" or "1 2 3" or "1;2;3"."""
    rows = [SEPARATORS.split(str(text or "").strip("[]() \t\r\n")) for text in texts.tolist()]
    lengths = np.array([len(row) for row in rows])
    width = int(lengths[0]) if len(lengths) else 0
    _check_equal(lengths, width, name, where)
    out = np.empty((len(rows), width), np.float32)
    with np.errstate(over="ignore"):
        for i, row in enumerate(rows):
            try:
                out[i] = [float(number) for number in row]
            except ValueError as error:
                raise refusal(
                    f"numbers in {quoted(name)}",
                    f"{quoted(error)} in row {i}",
                    where=where,
                    remedy="write vectors as [1.5, 2, 3]",
                    code="bad_dtype",
                ) from error
    return out
