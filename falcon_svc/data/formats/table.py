"""Tables of columns (CSV, JSONL, Parquet, Feather): samples, labels and ids by column.

`feature_choice` says which columns are the features, `number_columns` reads those of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa

from falcon_svc.data.column_names import Roles, is_index
from falcon_svc.data.config import DataConfig
from falcon_svc.data.feature_choice import choose, vector_column
from falcon_svc.data.formats import arrow_types
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns
from falcon_svc.data.formats.arrow_numpy import from_lists, from_texts, to_numpy
from falcon_svc.data.formats.schema_metadata import class_names_of, pandas_index
from falcon_svc.data.number_columns import NumberColumns
from falcon_svc.data.refusal import listed, quoted, reading, refusal
from falcon_svc.data.source import Column, Samples
from falcon_svc.data.text_column import (
    LOOKED_AT,
    no_texts,
    text_column,
    text_note,
    unused_text_note,
)
from falcon_svc.types import FloatArray, Note


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
            values = whole
            if any((whole == np.arange(s, s + len(whole))).all() for s in (0, 1)):
                return False
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
        """Read the vector column, or else the columns of numbers, or name that of the texts."""
        if self._config.samples == "texts":
            return self._text_samples(self._text_column())
        self._check_vector_column()
        found = choose(
            self._columns.schema, self._columns.read, self._roles, self._config, self.where
        )
        texts = self._text_column()
        if texts is not None and found.vector is None and not found.numbers:
            return self._text_samples(texts)
        unused = [] if texts in (None, found.vector) else [unused_text_note(str(texts))]
        notes = (*self._columns.notes, *found.notes, *unused)
        if found.vector is None:
            return NumberColumns(self._columns, self.where, self._config).samples(found, notes)
        vectors = self._vectors(found.vector)
        return Samples(
            vectors=vectors, left_out=found.left_out, notes=notes, vector_column=found.vector
        )

    def _text_samples(self, column: str | None) -> Samples:
        words = self._words()
        if column is None:
            raise no_texts(words, self.where)
        notes = (*self._columns.notes, text_note(column, words, self._look))
        others = [name for name in self.columns() if self._roles.role(name) is None]
        why = "the samples are texts"
        left_out = tuple((name, why) for name in others if name != column)
        return Samples(text_column=column, left_out=left_out, notes=notes)

    def _text_column(self) -> str | None:
        return text_column(self._words(), self._look, self._roles, self._config)

    def _words(self) -> list[str]:
        return [name for name in self.columns() if self.is_text(name)]

    def _look(self, name: str) -> list[object]:
        cells: list[object] = self._columns.read(name)[:LOOKED_AT].to_pylist()
        return cells

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
