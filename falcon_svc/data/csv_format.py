"""`.csv` with a header line: UTF-8, commas, quotes by doubling (RFC 4180), read by Arrow."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import quoted, reading
from falcon_svc.data.table import ARROW_ERRORS, Columns, TableSource, check_names, is_reserved

HEADER_BYTES = 4 * 2**20
BLOCK_BYTES = 16 * 2**20  # no row may be longer


def open_csv(path: Path, config: DataConfig) -> TableSource:
    """Open a CSV file as a table."""
    with path.open("rb") as stream:
        return read_csv(stream, quoted(path.name), config)


def read_csv(stream: BinaryIO, where: str, config: DataConfig) -> TableSource:
    """Read a table from a seekable stream; label, id and text columns stay strings.

    Raises
    ------
    InputError
        Not UTF-8, a row with another number of fields, repeated column names.
    """
    with reading("a CSV file", where=where, errors=(*ARROW_ERRORS, csv.Error)):
        names = _header(stream)
        check_names(names, where)
        strings = {name: pa.string() for name in names if is_reserved(name, config)}
        table = arrow_csv.read_csv(
            stream,
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(column_types=strings),
        )
    return TableSource(where, Columns.of(table), config)


def _header(stream: BinaryIO) -> list[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    start = decoder.decode(stream.read(HEADER_BYTES))
    stream.seek(0)
    return next(csv.reader(io.StringIO(start)), [])
