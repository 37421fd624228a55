"""`.jsonl`: one JSON object per line: numbers, words, null, lists of numbers, objects of these."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns, check_names
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.refusal import quoted, reading, refusal

LINE_BYTES = 16 * 2**20
JSON_ERRORS = (ValueError, RecursionError)


def open_jsonl(path: Path, config: DataConfig) -> TableSource:
    """Open a JSONL file as a table."""
    with path.open("rb") as stream:
        return read_jsonl(stream, quoted(path.name), config)


def read_jsonl(stream: BinaryIO, where: str, config: DataConfig) -> TableSource:
    """Read a table; a key that a line lacks is null there.

    Raises
    ------
    InputError
        A line that is not one object, repeated keys, a column of mixed types.
    """
    rows = [_object(line, i, where) for i, line in enumerate(_lines(stream, where))]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table(
        {name: _column(name, [row.get(name) for row in rows], where) for name in names}
    )
    columns = Columns.of(table)
    check_names(columns.schema.names, where)
    return TableSource(where, columns, config)


def _column(name: str, values: list[Any], where: str) -> pa.Array:
    with reading(
        f"values of one type under the key {quoted(name)}",
        where=where,
        errors=ARROW_ERRORS,
        code="bad_dtype",
        remedy="give each key numbers, strings, or lists of numbers throughout",
    ):
        _check_mixed(name, values, where)
        try:
            return pa.array(values)
        except pa.ArrowException:
            _check_lists(name, values, where)
            raise


def _check_mixed(name: str, values: list[Any], where: str) -> None:
    """Refuse the rarer of two kinds of values by its row; Arrow would name the kinds only."""
    kinds = Counter(_kind(value) for value in values if value is not None)
    if len(kinds) > 1:
        usual = kinds.most_common(1)[0][0]
        row = next(i for i, v in enumerate(values) if v is not None and _kind(v) != usual)
        raise refusal(
            f"{usual} under the key {quoted(name)} as in most rows",
            f"{quoted(values[row])} in row {row} (counted from 0)",
            where=where,
            remedy="mend this value, or leave the key out of the file",
            code="bad_dtype",
        )


def _check_lists(name: str, values: list[Any], where: str) -> None:
    """Refuse the first list in a column of lists that holds something else than numbers."""
    for row, value in enumerate(values):
        wrong = [v for v in value if not isinstance(v, int | float)] if value else []
        if isinstance(value, list) and wrong and not isinstance(wrong[0], list):
            raise refusal(
                f"lists of numbers under the key {quoted(name)}",
                f"{quoted(wrong[0])} in row {row} (counted from 0)",
                where=where,
                remedy="mend this value, or remove the row",
                code="bad_dtype",
            )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    named = {int: "a number", float: "a number", str: "a string", list: "a list"}
    return named.get(type(value), "an object")


def _lines(stream: BinaryIO, where: str) -> list[bytes]:
    lines = []
    while line := stream.readline(LINE_BYTES + 1):
        if len(line) > LINE_BYTES:
            raise refusal(
                f"lines of at most {LINE_BYTES:,} bytes",
                "a longer one",
                where=where,
                remedy="write one object per line",
                code="too_large",
            )
        if line.strip():
            lines.append(line)
    return lines


def _object(line: bytes, number: int, where: str) -> dict[str, Any]:
    at = f"line {number + 1} of {where}"
    with reading("a JSON object", where=at, errors=JSON_ERRORS, remedy="mend this line"):
        value = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_unique)
        if not isinstance(value, dict):
            raise ValueError(f"it is a {type(value).__name__}")
        return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
