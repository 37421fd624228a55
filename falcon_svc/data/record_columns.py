"""Numbers inside of records (JSON objects, structs) beside others: which are the features."""

from __future__ import annotations

import pyarrow as pa

from falcon_svc.data.column_names import VECTOR_NAMES, first_of
from falcon_svc.data.formats.arrow_columns import is_inside
from falcon_svc.data.refusal import listed
from falcon_svc.types import Note


def one_kind(schema: pa.Schema, numbers: list[str]) -> tuple[list[str], list[str]]:
    """Return the numbers that are features, and others: records are not mixed with what is beside.

    A record with a usual name of vectors wins over loose numbers, and these over other records.
    """
    record = {name: name.rsplit(".", 1)[0] for name in numbers if is_inside(schema.field(name))}
    usual = first_of(VECTOR_NAMES, record.values())
    if usual is not None:
        used = [name for name in numbers if record.get(name) == usual]
    else:
        used = [name for name in numbers if name not in record] or numbers
    taken = set(used)
    return used, [name for name in numbers if name not in taken]


def beside_record(used: list[str], beside: list[str]) -> Note:
    """Return the note on numbers that are left out for others' sake."""
    more = ", ..." if len(used) > 5 else ""
    text = f"The features are {listed(used[:5])}{more}; numbers of other records, or of none, are "
    text += f"left out ({listed(beside[:5])}): to use these, name all features with "
    return Note("numbers_left_out", text + "feature_columns.")
