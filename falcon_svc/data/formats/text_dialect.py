"""How a CSV is written: encoding, a ``sep=`` line, the separator, what the header lacks.

The standard library's `csv` reads the first rows under each candidate separator; the one that gives
every row the same number of fields, and most of them, is the file's. Arrow then parses the rest.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import BinaryIO

from falcon_svc.data.number_text import COMMA_GROUPS
from falcon_svc.data.refusal import quoted, refusal

HEAD_BYTES = 4 * 2**20
HEAD_ROWS = 50
SEPARATORS = (",", ";", "\t", "|")
LAST_RESORT = " "  # of R's write.table
SEP_LINE = re.compile(r'"?sep=(.)"?,*\r?\n', re.IGNORECASE)
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NUMBER = re.compile(r"[+-]?(\d*[.,])?\d+([eE][+-]?\d+)?")
MANY = 10  # numbers in a row that rise or fall throughout, and so hardly are a row of data
GROUPED = re.compile(COMMA_GROUPS)


@dataclass(frozen=True)
class Dialect:
    """How the rows are written, and where they begin.

    Parameters
    ----------
    names
        The columns' names, "" where the header has none.
    start
        Bytes before the first row of data.
    has_rows
        Whether there is one.
    grouped
        Columns of a file of semicolons whose numbers may have points between groups of digits
        (1.234 for 1234); a parser that knows no context would take these for decimals.
    """

    separator: str
    names: tuple[str, ...]
    start: int
    has_rows: bool
    grouped: tuple[str, ...] = ()


def to_utf8(stream: BinaryIO) -> BinaryIO:
    """Return the stream, transcoded where it is UTF-16 (Excel's "Unicode text")."""
    start = stream.read(2)
    stream.seek(0)
    if start not in UTF16:
        return stream
    return io.BytesIO(stream.read().decode("utf-16").encode())


def find_dialect(stream: BinaryIO, where: str) -> Dialect:
    """Judge the first 50 rows and leave the stream at the first row of data.

    Raises
    ------
    InputError
        The first line holds numbers instead of names.
    """
    head = stream.read(HEAD_BYTES)
    cut = len(head) == HEAD_BYTES
    bom = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    text = codecs.getincrementaldecoder("utf-8")().decode(head[bom:], final=not cut)
    text = text[: text.rfind("\n") + 1] if cut else text
    told = SEP_LINE.match(text)
    body = text[told.end() :] if told else text
    separator = told[1] if told else _separator(body)
    header, length, rows = _header(body, separator)
    start = bom + len(text[: told.end()].encode() if told else b"") + length
    _check_header(header, rows, where)
    stream.seek(start)
    names = _names(header, rows)
    grouped = _grouped(names, rows) if separator == ";" else ()
    return Dialect(separator, names, start, bool(rows), grouped)


def _rows(text: str, separator: str, most: int = HEAD_ROWS) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    return list(islice((row for row in reader if row), most))


def _separator(text: str) -> str:
    """Return the separator under which the rows are equally long, and longest."""

    def score(separator: str) -> tuple[bool, int]:
        try:
            rows = _rows(text, separator)
        except csv.Error:
            return False, 0
        widths = {len(row) for row in rows[1:]}
        header = len(rows[0]) if rows else 0
        even = len(widths) <= 1 and widths <= {header, header + 1}
        return even and header > 1, header

    best = max(SEPARATORS, key=score)  # the first of equals
    return LAST_RESORT if not score(best)[0] and score(LAST_RESORT)[0] else best


def _header(text: str, separator: str) -> tuple[list[str], int, list[list[str]]]:
    """Return the header's cells, its length in bytes, and the first rows after it."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator)
    header = next((row for row in reader if row), [])
    # The reader takes whole lines, so what it has read ends with the header's line.
    consumed = sum(len(line) for line in islice(io.StringIO(text, newline=""), reader.line_num))
    rest = text[consumed:]
    return header, len(text[:consumed].encode()), _rows(rest, separator)


def _names(header: list[str], rows: list[list[str]]) -> tuple[str, ...]:
    """Return one name per field; rows with one field more have row names or a closing comma."""
    names = [name.strip() for name in header]
    if rows and all(len(row) == len(names) + 1 for row in rows):
        counted = [row[0].strip() for row in rows] == [str(i + 1) for i in range(len(rows))]
        closing = not counted and all(not row[-1].strip() for row in rows)
        names = [*names, ""] if closing else ["", *names]
    return tuple(names)


def _grouped(names: tuple[str, ...], rows: list[list[str]]) -> tuple[str, ...]:
    """Return the columns in which every point stands before three digits, as far as is seen."""
    columns = {
        name: [row[k].strip() for row in rows if k < len(row)] for k, name in enumerate(names)
    }
    with_points = {n: [cell for cell in cells if "." in cell] for n, cells in columns.items()}
    return tuple(
        name for name, cells in with_points.items() if cells and all(map(GROUPED.fullmatch, cells))
    )


def _check_header(header: list[str], rows: list[list[str]], where: str) -> None:
    named = [cell for cell in header if cell.strip()]
    if len(named) == 1 and any(sum(bool(cell.strip()) for cell in row) > 2 for row in rows):
        raise refusal(
            "the columns' names in the first line",
            f"{quoted(named[0])} alone, above lines of more fields",
            where=where,
            remedy="remove the lines above the columns' names",
            code="no_header",
        )
    numbers = [cell.strip() for cell in header if NUMBER.fullmatch(cell.strip())]
    if header and 2 * len(numbers) >= len(header) and not _are_names(numbers):
        raise refusal(
            "the columns' names in the first line",
            f"numbers such as {quoted(numbers[0])}",
            where=where,
            remedy="write a header line",
            code="no_header",
        )


def _are_names(numbers: list[str]) -> bool:
    """Return whether numbers can name columns: whole ones; years; wavelengths, up or down."""
    values = [float(number.replace(",", ".")) for number in numbers]
    rising = {before < after for before, after in pairwise(values)}
    if all(value.is_integer() for value in values):
        return min(values, default=0) >= 0 or rising <= {True}
    return len(values) >= MANY and len(rising) == 1
