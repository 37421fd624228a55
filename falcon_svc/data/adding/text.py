"""Columns added to a CSV in its own dialect: separator, line ends, encoding, packing."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from pathlib import Path

from falcon_svc.data.adding import Columns, Value, by_row, check_free
from falcon_svc.data.formats.text_dialect import SEP_LINE, UTF16, find_dialect
from falcon_svc.types import BoolArray

COMMA_NUMBER = re.compile(r"-?\d+,\d+")
POINT_NUMBER = re.compile(r"-?\d+\.\d+")
JUDGED_ROWS = 50
DIGITS = 6


def write(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write the copy; fields are read and written by the standard library's `csv`."""
    packed = source.suffix.lower() == ".gz"
    content = gzip.decompress(source.read_bytes()) if packed else source.read_bytes()
    encoding = _encoding(content)
    text = content.decode(encoding)
    found = _with_columns(text, source, kept, columns).encode(encoding)
    target.write_bytes(gzip.compress(found) if packed else found)


def _encoding(content: bytes) -> str:
    if content[:2] in UTF16:
        return "utf-16"
    return "utf-8-sig" if content.startswith(codecs.BOM_UTF8) else "utf-8"


def _with_columns(text: str, source: Path, kept: BoolArray | None, columns: Columns) -> str:
    separator = find_dialect(io.BytesIO(text.encode()), source.name).separator
    told = SEP_LINE.match(text)
    lead = told[0] if told else ""
    records = list(csv.reader(io.StringIO(text[len(lead) :], newline=""), delimiter=separator))
    used = [record for record in records if record]  # Arrow passes over empty lines too
    check_free([name.strip() for name in used[0]], columns, source)
    comma = _decimal_comma(used[1 : JUDGED_ROWS + 1])
    used[0] += list(columns)
    for values in columns.values():
        for record, value in zip(used[1:], by_row(values, kept, len(used) - 1), strict=True):
            record.append(_written(value, comma=comma))
    out = io.StringIO(newline="")
    out.write(lead)
    end = "\r\n" if "\r\n" in text else "\n"
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(records)
    return out.getvalue()


def _decimal_comma(records: list[list[str]]) -> bool:
    """Return whether the file's own numbers have decimal commas."""
    cells = [cell.strip() for record in records for cell in record]
    with_comma = sum(COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    return with_comma > sum(POINT_NUMBER.fullmatch(cell) is not None for cell in cells)


def _written(value: Value, *, comma: bool) -> str:
    if value is None or isinstance(value, str):
        return value or ""  # working names are plain letters, which start no formula
    text = str(value) if isinstance(value, int) else f"{value:.{DIGITS}g}"
    return text.replace(".", ",") if comma else text
