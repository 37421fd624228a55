"""Tables of columns (CSV, JSONL, Parquet): which are the vectors, and Arrow to numpy.

Vectors are one list column (``vector_column``, else x, vector, embedding) or else all columns of
numbers that are not labels, ids, texts, ``split`` or the fine truth. Other columns are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from falcon_svc.data.arrow_numpy import floats, from_lists, from_texts, to_numpy
from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import listed, quoted, reading, refusal
from falcon_svc.data.source import Column, Samples

VECTOR_NAMES = ("x", "vector", "embedding")
NEVER_FEATURES = ("id", "ids", "file_name", "file", "path", "text", "texts", "split", "label")
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True)
class Columns:
    """Columns by name: what they are, and how to read one in pieces."""

    schema: pa.Schema
    rows: int
    pieces: Callable[[str], Iterator[pa.Array]]

    @classmethod
    def of(cls, table: pa.Table) -> Columns:
        """Return the columns of a table in memory."""
        return cls(table.schema, table.num_rows, lambda name: iter(table.column(name).chunks))

    def read(self, name: str) -> pa.ChunkedArray:
        """Return a whole column."""
        pieces = list(self.pieces(name))
        kind = pieces[0].type if pieces else self.schema.field(name).type
        return pa.chunked_array(pieces, type=kind)


def is_reserved(name: str, config: DataConfig) -> bool:
    """Return whether a column is a label, id or text, and so never a feature."""
    chosen = (config.coarse_column, config.fine_column, config.id_column, config.text_column)
    return (
        name in NEVER_FEATURES
        or name in chosen
        or name in config.label_sources.values()
        or name in ("coarse", "fine")
        or name.startswith(("coarse_", "fine_"))
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
            if _is_list(self._columns.schema.field(name).type):
                pieces, rows = self._columns.pieces(name), self._columns.rows
                return Samples(vectors=from_lists(pieces, rows, name=name, where=self.where))
            texts = to_numpy(self._columns.read(name))
            return Samples(vectors=from_texts(texts, name=name, where=self.where))

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
            np.errstate(over="ignore", invalid="ignore"),
            reading("columns of numbers", where=self.where, errors=ARROW_ERRORS),
        ):
            for j, name in enumerate(names):
                out[:, j] = floats(self._columns.read(name))
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
