"""`.csv` and `.tsv` with a header line, plain or as `.gz`, in the dialects of Excel, pandas and R.

Arrow parses (quoted line ends, types, decimals by cast); `text_dialect` tells it how.
"""

from __future__ import annotations

import csv
import zlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from falcon_svc.data.column_names import Roles, folded, is_index
from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns, check_names
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.formats.text_dialect import Dialect, find_dialect, to_utf8
from falcon_svc.data.guards.gzip_guard import GZIP_ERRORS, unpacked
from falcon_svc.data.number_text import Mark
from falcon_svc.data.refusal import quoted, reading, refusal
from falcon_svc.types import Note

BLOCK_BYTES = 16 * 2**20  # no row may be longer
INDEX_NAME = "unnamed: 0"  # as pandas calls a first column without name
CSV_ERRORS = (*ARROW_ERRORS, csv.Error)
READ_ERRORS = (*CSV_ERRORS, *GZIP_ERRORS, zlib.error)


def open_csv(path: Path, config: DataConfig) -> TableSource:
    """Open a CSV file as a table."""
    where = quoted(path.name)
    if path.suffix.lower() == ".gz":
        return read_csv(unpacked(path, where, config), where, config)
    with path.open("rb") as stream:
        return read_csv(stream, where, config)


def read_csv(stream: BinaryIO, where: str, config: DataConfig) -> TableSource:
    """Read a table from a seekable stream; label, id and text columns stay strings.

    Raises
    ------
    InputError
        Not UTF-8, a row with another number of fields, repeated column names.
    """
    wrong: list[arrow_csv.InvalidRow] = []
    remedy = "save it as CSV in UTF-8, every row with as many fields as the header"
    with reading("a CSV file", where=where, errors=READ_ERRORS, remedy=remedy):
        stream = to_utf8(stream)
        dialect = find_dialect(stream, where)
        table, notes = _whole(dialect, stream, where, config, wrong)
    usual: Mark | None = "," if dialect.separator == ";" else None
    seen: Mark | None = "." if any(map(pa.types.is_floating, table.schema.types)) else None
    columns = replace(Columns.of(table), usual_mark=usual, seen_mark=seen, notes=notes)
    return TableSource(where, columns, config)


def _whole(
    dialect: Dialect,
    stream: BinaryIO,
    where: str,
    config: DataConfig,
    wrong: list[arrow_csv.InvalidRow],
) -> tuple[pa.Table, tuple[Note, ...]]:
    names = _unique(dialect.names, where)
    if not dialect.has_rows:
        return pa.table({name: pa.array([], pa.null()) for name in names if name}), ()
    try:
        table = _parsed(dialect, names, stream, config, wrong)
    except pa.ArrowInvalid:
        if wrong:
            raise _uneven(wrong[0], where) from None
        raise
    _check_closed(table, stream, where)
    return _without_empty(table, where)


def _unique(names: tuple[str, ...], where: str) -> list[str]:
    """Return names of which none is empty or repeated; "" at the end becomes a placeholder."""
    found = list(names)
    if found and not found[0]:
        found[0] = INDEX_NAME
    check_names([name for name in found if name], where)
    return [name or f"\0{place}" for place, name in enumerate(found)]


def _parsed(
    dialect: Dialect,
    names: list[str],
    stream: BinaryIO,
    config: DataConfig,
    wrong: list[arrow_csv.InvalidRow],
) -> pa.Table:
    def remember(row: arrow_csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    roles = Roles.of(names, config)
    words = {n: pa.string() for n in names if _stays_text(n, roles) or n in dialect.grouped}
    return arrow_csv.read_csv(
        stream,
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=BLOCK_BYTES, column_names=names
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=remember
        ),
        convert_options=arrow_csv.ConvertOptions(column_types=words),
    )


def _stays_text(name: str, roles: Roles) -> bool:
    """Return whether 01 and 1 must stay two values: in labels, ids and texts."""
    return roles.role(name) is not None or is_index(name) or folded(name).startswith("coarse")


def _uneven(row: arrow_csv.InvalidRow, where: str) -> Exception:
    at = "" if row.number is None else f" in row {row.number - 1} (counted from 0)"
    return refusal(
        f"{row.expected_columns} fields as in the header",
        f"{row.actual_columns}{at}: {quoted(row.text)}",
        where=where,
        remedy="mend this row; a field with a separator or a line end needs quotes",
        code="unreadable",
    )


def _check_closed(table: pa.Table, stream: BinaryIO, where: str) -> None:
    """Refuse a quote that is never closed: all rows after it would be one cell of the last row."""
    last = [column[-1].as_py() for column in table.columns] if table.num_rows else []
    if not any(isinstance(cell, str) and "\n" in cell for cell in last):
        return
    stream.seek(0)
    quotes = sum(piece.count(b'"') for piece in iter(lambda: stream.read(BLOCK_BYTES), b""))
    if quotes % 2:
        raise refusal(
            "a closing quote for every opening one",
            f"one that is open at the end, from row {table.num_rows - 1} (counted from 0) on",
            where=where,
            remedy="close the quote, or double it where it is part of a text",
            code="unreadable",
        )


def _without_empty(table: pa.Table, where: str) -> tuple[pa.Table, tuple[Note, ...]]:
    """Drop columns without name and value, and rows without values at the end (Excel's)."""
    unnamed = [name for name in table.column_names if name.startswith("\0")]
    if any(table.column(name).null_count < table.num_rows for name in unnamed):
        check_names([""], where)
    table = table.drop_columns(unnamed)
    rows = table.num_rows
    several = table.num_columns > 1  # of one column a blank row is "", which somebody has written
    while several and rows > 1 and _is_blank(table, rows - 1):
        rows -= 1
    if rows == table.num_rows:
        return table, ()
    dropped = table.num_rows - rows
    text = f"The last {dropped:,} rows hold nothing but separators and are left out."
    return table.slice(0, rows), (Note("blank_rows", text),)


def _is_blank(table: pa.Table, row: int) -> bool:
    return all(column[row].as_py() in (None, "") for column in table.columns)
