"""Tables of columns (CSV, JSONL, Parquet, Feather): samples, labels and ids by column.

`feature_choice` says which columns are the vectors; this module reads them and reports every cell
that is no number by row, column and value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from falcon_svc.data import arrow_types
from falcon_svc.data.arrow_numpy import floats, from_lists, from_texts, to_numpy
from falcon_svc.data.column_names import Roles, is_index
from falcon_svc.data.config import DataConfig
from falcon_svc.data.feature_choice import Choice, choose, vector_column
from falcon_svc.data.number_text import Mark, NumberText
from falcon_svc.data.refusal import Finding, findings, listed, quoted, reading, refusal
from falcon_svc.data.schema_metadata import class_names_of, pandas_index
from falcon_svc.data.source import Column, Samples
from falcon_svc.types import FloatArray, Note

ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)
COLUMNS_AT_ONCE = 256
EXACT_FLOATS = 2**24  # whole numbers up to here are exact in float32


@dataclass(frozen=True)
class Columns:
    """Columns by name: what they are, and how to read some of them in pieces.

    Parameters
    ----------
    batches
        Returns consecutive rows of the named columns, in the order of the names.
    mark
        The decimal mark that the file's dialect suggests, if it does.
    notes
        What the reader of the format has to tell.
    """

    schema: pa.Schema
    rows: int
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    mark: Mark | None = None
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, table: pa.Table, mark: Mark | None = None, notes: tuple[Note, ...] = ()) -> Columns:
        """Return the columns of a table in memory."""

        def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
            return iter(table.select(names).to_batches())

        return cls(table.schema, table.num_rows, batches, mark, notes)

    def pieces(self, name: str) -> Iterator[pa.Array]:
        """Return one column in pieces."""
        return (batch.column(0) for batch in self.batches([name]))

    def read(self, name: str) -> pa.ChunkedArray:
        """Return a whole column."""
        pieces = list(self.pieces(name))
        kind = pieces[0].type if pieces else self.schema.field(name).type
        return pa.chunked_array(pieces, type=kind)


def check_names(names: list[str], where: str) -> None:
    """Refuse columns without a name or with the same name."""
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
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
        self._roles = Roles.of(columns.schema.names, config)

    def columns(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(self._columns.schema.names)

    def column(self, name: str) -> Column:
        """Return numbers, or words (null as None); see `arrow_numpy.to_numpy`."""
        self._check_plain(name)
        with reading(f"a plain column {quoted(name)}", where=self.where, errors=ARROW_ERRORS):
            return to_numpy(self._columns.read(name))

    def index_column(self) -> str | None:
        """Return the column that pandas or R left of an index, where no other is named as ids."""
        if self._roles.id_column is not None:
            return None
        names = [*pandas_index(self._columns.schema), *filter(is_index, self.columns()[:1])]
        return next((name for name in names if name in self.columns() and self._names(name)), None)

    def _names(self, column: str) -> bool:
        """Return whether an index tells more than the rows' order."""
        values = self.column(column)
        whole = _whole_numbers(values)
        if whole is not None and len(whole):
            return not any((whole == np.arange(s, s + len(whole))).all() for s in (0, 1))
        return len(set(values.tolist())) == len(values)

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return a Hugging Face ClassLabel's names, from the schema's metadata."""
        return class_names_of(self._columns.schema, column)

    @cached_property
    def image_column(self) -> str | None:
        """The column with the bytes of images, if there is one."""
        schema = self._columns.schema
        return next((field.name for field in schema if arrow_types.is_image(field.type)), None)

    def pieces(self, name: str) -> Iterator[pa.Array]:
        """Read one column in pieces, as Arrow has it."""
        return self._columns.pieces(name)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What the reader of the format has to tell."""
        return self._columns.notes

    def is_text(self, name: str) -> bool:
        """Return whether a column holds text."""
        return arrow_types.is_words(self._columns.schema.field(name).type)

    def number_columns(self) -> list[str]:
        """Return the columns of numbers that have no role."""
        return [
            field.name
            for field in self._columns.schema
            if arrow_types.is_number(field.type) and self._roles.role(field.name) is None
        ]

    def has_vectors(self) -> bool:
        """Return whether a column holds vectors."""
        config = self._config
        return config.vector_column is not None or bool(
            vector_column(self._columns.schema, self._columns.read, self._roles, config, self.where)
        )

    def samples(self) -> Samples:
        """Read the vector column, or else the columns of numbers."""
        self._check_vector_column()
        found = choose(
            self._columns.schema, self._columns.read, self._roles, self._config, self.where
        )
        notes = (*self._columns.notes, *found.notes)
        if found.vector is None:
            return self._number_columns(found, notes)
        vectors = self._vectors(found.vector)
        return Samples(vectors=vectors, left_out=found.left_out, notes=notes)

    def _vectors(self, name: str) -> FloatArray:
        with reading(f"vectors in {quoted(name)}", where=self.where, errors=ARROW_ERRORS):
            if arrow_types.is_vector(self._columns.schema.field(name).type):
                pieces, rows = self._columns.pieces(name), self._columns.rows
                return from_lists(pieces, rows, name=name, where=self.where)
            return from_texts(to_numpy(self._columns.read(name)), name=name, where=self.where)

    def _check_vector_column(self) -> None:
        wanted, schema = self._config.vector_column, self._columns.schema
        kind = schema.field(wanted).type if wanted in schema.names else None
        if wanted is None or (
            kind is not None and (arrow_types.is_vector(kind) or arrow_types.is_words(kind))
        ):
            return
        raise refusal(
            f"a column {quoted(wanted)} with lists of numbers",
            f"{kind or 'no such column'} among the columns {listed(schema.names)}",
            where=self.where,
            remedy="name the right one with vector_column",
            code="no_such_column",
        )

    def _number_columns(self, found: Choice, notes: tuple[Note, ...]) -> Samples:
        names = found.numbers
        self._check_there(names)
        marks = self._marks(found.texts)
        with (
            np.errstate(over="ignore", invalid="ignore"),
            reading("columns of numbers", where=self.where, errors=ARROW_ERRORS),
        ):
            out = self._numbers([name for name in names if name not in found.texts], names)
            for name, judged in found.texts.items():
                out[:, names.index(name)] = judged.values(marks[name])
        wrong = [
            one for n, judged in found.texts.items() for one in _bad_cells(n, judged, marks[n])
        ]
        read = Samples(
            vectors=out,
            names=names,
            left_out=found.left_out,
            notes=notes,
            findings=tuple(wrong),
        )
        return read if self._config.feature_columns else self._without_row_numbers(read)

    def _numbers(self, read: list[str], names: tuple[str, ...]) -> FloatArray:
        """Return (rows, columns) with the columns of `read` filled in, a few at a time."""
        out = np.empty((self._columns.rows, len(names)), np.float32)
        place = {name: column for column, name in enumerate(names)}
        for first in range(0, len(read), COLUMNS_AT_ONCE):
            some, start = read[first : first + COLUMNS_AT_ONCE], 0
            for batch in self._columns.batches(some):
                for column, name in enumerate(some):
                    values = floats(batch.column(column))
                    out[start : start + batch.num_rows, place[name]] = values
                start += batch.num_rows
        return out

    def _without_row_numbers(self, read: Samples) -> Samples:
        """Drop columns that are a permutation of the rows' numbers, and tell."""
        assert read.vectors is not None and read.names is not None
        counting = [c for c in range(len(read.names)) if counts_rows(read.vectors[:, c])]
        if not counting:
            return read
        dropped = [read.names[column] for column in counting]
        kept = [c for c in range(len(read.names)) if c not in set(counting)]
        self._check_there(tuple(read.names[c] for c in kept))
        told = read.told(
            left_out=[(name, "it counts the rows") for name in dropped],
            notes=[_counts_rows_note(name) for name in dropped],
        )
        names = tuple(read.names[c] for c in kept)
        return replace(told, vectors=read.vectors[:, kept], names=names)

    def _marks(self, texts: dict[str, NumberText]) -> dict[str, Mark]:
        """Return the decimal mark of each column; one that could be either follows the file."""
        decimal = self._config.decimal
        if decimal != "auto":
            return dict.fromkeys(texts, decimal)
        sure = {name: judged.mark for name, judged in texts.items() if judged.mark is not None}
        hint = self._columns.mark or ("," if "," in sure.values() else None)
        for name, judged in texts.items():
            if name not in sure and hint is None:
                raise _ambiguous(name, judged, self.where)
        return {name: sure.get(name) or hint or "." for name in texts}

    def _check_there(self, names: tuple[str, ...]) -> None:
        schema = self._columns.schema
        if not names:
            raise refusal(
                "a vector column or columns of numbers",
                f"the columns {listed(f'{field.name}: {field.type}' for field in schema)}",
                where=self.where,
                remedy="name the vectors with vector_column",
                code="no_such_column",
            )
        size = 4 * len(names) * self._columns.rows
        if len(names) > self._config.max_dimensions or size > self._config.max_bytes:
            raise refusal(
                f"at most {self._config.max_dimensions:,} columns and "
                f"{self._config.max_bytes:,} bytes",
                f"{len(names):,} columns and {size:,} bytes",
                where=self.where,
                remedy="reduce the vectors, or raise max_dimensions or max_bytes",
                code="too_large",
            )

    def _check_plain(self, name: str) -> None:
        kind = arrow_types.stored(self._columns.schema.field(name).type)
        if not _is_plain(kind) and not (arrow_types.is_list(kind) and _is_plain(kind.value_type)):
            raise refusal(
                f"whole numbers or strings in column {quoted(name)}",
                f"the type {kind}",
                where=self.where,
                remedy="convert the column, or name another one",
                code="bad_dtype",
            )


def _is_plain(kind: pa.DataType) -> bool:
    kind = arrow_types.stored(kind)
    tests = (arrow_types.is_number, arrow_types.is_words, arrow_types.is_bytes, arrow_types.is_time)
    return any(test(kind) for test in tests) or pa.types.is_null(kind)


def _whole_numbers(values: Column) -> Column | None:
    """Return whole numbers, also where they are written as text; None if any value is none."""
    if values.dtype.kind in "iu":
        return values
    texts = [str(value) for value in values.tolist()]
    plain = all(text.isascii() and text.isdigit() for text in texts)
    return np.array([int(text) for text in texts], object) if plain else None


def counts_rows(values: NDArray[Any]) -> bool:
    """Return whether at least ten whole numbers are a permutation of row numbers, from 0 or 1."""
    n = len(values)
    if not 10 <= n < EXACT_FLOATS or values[0] != np.floor(values[0]):
        return False
    first = float(values.min())
    if first not in (0, 1) or float(values.max()) != first + n - 1:
        return False
    return bool((np.sort(values) == np.arange(n) + first).all())


def _counts_rows_note(name: str) -> Note:
    text = f"Column {quoted(name)} holds every row's number once and is left out; if it is a "
    return Note("row_numbers", text + "feature, name all features with feature_columns.")


def _bad_cells(name: str, judged: NumberText, mark: Mark) -> list[Finding]:
    return findings(
        "bad_number",
        "numbers in a column of numbers",
        "mend this cell, remove the row, or leave the column out with ignore_columns",
        judged.wrong(mark).tolist(),
        lambda row: f"{quoted(judged.texts[row].as_py())} (column {quoted(name)})",
    )


def _ambiguous(name: str, judged: NumberText, where: str) -> Exception:
    text = judged.example()
    plain, other = text.replace(",", "."), text.replace(",", "").replace(".", "")
    return refusal(
        f"numbers in column {quoted(name)} that can be read in one way only",
        f"{quoted(text)}, which may be {plain} or {other}",
        where=where,
        remedy='say which mark is the decimal one with decimal = "," or "."',
        code="ambiguous_number",
    )
