"""Texts in tables for spreadsheets: one that would start a formula there gets a quote before it.

Place: every CSV that we write, whoever writes it. Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a formula may start with."""


def harmless(value: Any) -> Any:
    """Return a value that starts no formula.

    Examples
    --------
    >>> harmless("=1+1"), harmless("owl"), harmless(-1)
    ("'=1+1", 'owl', -1)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def harmless_table(table: pa.Table) -> pa.Table:
    """Return a table whose columns of text start no formula."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            texts = [harmless(value) for value in table.column(place).to_pylist()]
            table = table.set_column(place, field, pa.array(texts, field.type))
    return table
