"""The samples' ids: which column they come from, and whether they are more than row numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.data.column_names import Roles
from falcon_svc.data.config import DataConfig
from falcon_svc.data.labels import WHOLE_FLOAT, as_strings
from falcon_svc.data.refusal import quoted
from falcon_svc.data.source import Source, check_column, flat_column, rows_of
from falcon_svc.types import BoolArray, Note


@dataclass(frozen=True)
class Ids:
    """(N,) ids, and the column they come from; None = row numbers."""

    values: list[str]
    column: str | None


def read_ids(source: Source, config: DataConfig, kept: BoolArray | None, n: int | None) -> Ids:
    """Return the ids of the n samples; n = None takes as many as the column holds.

    The setting's column, else the format's own index, else a column of a usual name, else row
    numbers.
    """
    name = id_column(source, config)
    if name is None:
        assert n is not None
        rows = np.arange(n) if kept is None else np.flatnonzero(kept)
        return Ids([str(row) for row in rows.tolist()], None)
    check_column(source, name, "one value per sample", "id_column")
    values = flat_column(source, name) if n is None else rows_of(source, name, kept, n)
    return Ids(_whole(as_strings(values, what=name, where=source.where)), name)


def _whole(ids: list[str]) -> list[str]:
    """Return ids that are all written as floats (``1000.0``) as the whole numbers that they are."""
    found = [WHOLE_FLOAT.fullmatch(text) for text in ids]
    return [one[1] for one in found if one] if all(found) else ids


def id_column(source: Source, config: DataConfig) -> str | None:
    """Return the column that the ids come from; None = there is none."""
    if config.id_column is not None:
        return config.id_column
    return source.index_column() or Roles.of(source.columns(), config).id_column


def id_notes(ids: Ids) -> list[Note]:
    """Return the note on ids that are row numbers in another order."""
    if ids.column is None or not _are_permuted_rows(ids.values):
        return []
    text = f"Ids in {quoted(ids.column)} are row numbers in another order, perhaps an index from "
    text += "before the rows were sorted; a truth or labels without ids would not match them."
    return [Note("permuted_ids", text)]


def _are_permuted_rows(ids: list[str]) -> bool:
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in ids):
        return False
    rows = np.array([int(text) for text in ids], np.int64)
    straight = np.arange(len(rows))
    return any(
        (np.sort(rows) == straight + first).all() and not (rows == straight + first).all()
        for first in (0, 1)
    )
