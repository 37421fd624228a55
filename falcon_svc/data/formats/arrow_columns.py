"""Columns of a table as Arrow has them, read when they are asked for, in pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from falcon_svc.data.formats.arrow_types import is_nested
from falcon_svc.data.number_text import Mark
from falcon_svc.data.refusal import listed, refusal
from falcon_svc.types import Note

RECORD = {"falcon": "inside a record"}
"""Metadata of a column that was a field of a record."""

ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError)


@dataclass(frozen=True)
class Columns:
    """Columns by name: what they are, and how to read some of them in pieces.

    Parameters
    ----------
    batches
        Returns consecutive rows of the named columns, in the order of the names.
    usual_mark, seen_mark
        The decimal mark that the file's dialect suggests, and the one of the numbers that were
        parsed already, if there are.
    notes
        What the reader of the format has to tell.
    """

    schema: pa.Schema
    rows: int
    batches: Callable[[list[str]], Iterator[pa.RecordBatch]]
    usual_mark: Mark | None = None
    seen_mark: Mark | None = None
    notes: tuple[Note, ...] = ()

    @classmethod
    def of(cls, table: pa.Table) -> Columns:
        """Return the columns of a table in memory, `unnested`."""
        table = unnested(table)

        def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
            return iter(table.select(names).to_batches())

        return cls(table.schema, table.num_rows, batches)

    def pieces(self, name: str) -> Iterator[pa.Array]:
        """Return one column in pieces."""
        return (batch.column(0) for batch in self.batches([name]))

    def read(self, name: str) -> pa.ChunkedArray:
        """Return a whole column."""
        pieces = list(self.pieces(name))
        kind = pieces[0].type if pieces else self.schema.field(name).type
        return pa.chunked_array(pieces, type=kind)


def unnested(table: pa.Table) -> pa.Table:
    """Return each record within a record as columns of its own, ``meta.year``.

    Images, which are records of bytes and a path, stay as they are.
    """
    while nested := [place for place, field in enumerate(table.schema) if is_nested(field.type)]:
        place = nested[0]
        name, parts = table.column_names[place], table.column(place)
        fields = [parts.type.field(k) for k in range(parts.type.num_fields)]
        table = table.remove_column(place)
        for k, (field, values) in enumerate(zip(fields, parts.flatten(), strict=True)):
            inside = field.with_name(f"{name}.{field.name}").with_metadata(RECORD)
            table = table.add_column(place + k, inside, values)
    return table


def is_inside(column: pa.Field) -> bool:
    """Return whether a column was a field of a record."""
    return (column.metadata or {}).get(b"falcon") == RECORD["falcon"].encode()


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
