"""A copy of the user's own file with further columns: every value of the file stays as it is.

Place: after a discovery or a prediction, on the file that it read. The copy appears whole or not at
all, and an existing file is replaced only where that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.data.registry import suffix_of
from falcon_svc.durable.files import storage_errors
from falcon_svc.errors import ConfigError
from falcon_svc.types import BoolArray

Columns = Mapping[str, NDArray[np.int64] | NDArray[np.float32] | NDArray[np.str_]]
"""Name -> (N,) whole numbers, floats or texts, one per sample."""

Value = int | float | str | None

ROOM = "falcon_svc.data.adding"
WRITERS = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz"), "text"),
    ".jsonl": "jsonl",
    ".parquet": "arrow",
    ".feather": "arrow",
    ".npz": "npz",
    ".h5ad": "h5ad",
}


def check_target(source: Path, target: Path, *, overwrite: bool) -> None:
    """Raise ConfigError unless a copy of `source` can be written as `target`."""
    suffix = suffix_of(source.name)
    if source.is_dir() or suffix not in WRITERS:
        raise ConfigError(
            f"Expected a table, .npz or .h5ad to add columns to, found {quoted(source.name)}; "
            "write a table of the classes with --out instead."
        )
    if suffix_of(target.name) != suffix:
        raise ConfigError(
            f"Expected --add-to to name a {suffix} file as the input is, found "
            f"{quoted(target.name)}; rename it."
        )
    if target.exists() and not overwrite:
        itself = source.exists() and target.samefile(source)
        raise ConfigError(
            "Expected --add-to to name a new file, found "
            f"{'the input itself' if itself else f'the existing file {quoted(target.name)}'}; "
            "give another name, or --overwrite to replace it."
        )


def add_columns(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write `target`, a copy of `source` with further columns.

    Parameters
    ----------
    source, target
        Files of the same format, perhaps the same file; see `check_target`.
    kept
        (rows of the file,) whether the row became a sample; None = all did. Rows without a sample
        get no value.
    columns
        What to add.

    Raises
    ------
    ConfigError
        A column is there already.
    StorageError
        The file cannot be written; `target` is as before.
    """
    write = import_module(f"{ROOM}.{WRITERS[suffix_of(source.name)]}").write
    fresh = target.with_name(f".{target.name}.tmp")
    with storage_errors(f"Cannot write {target}", remedy="name another --add-to"):
        try:
            write(source, fresh, kept, columns)
            os.replace(fresh, target)
        finally:
            fresh.unlink(missing_ok=True)


def check_free(there: list[str], columns: Columns, source: Path) -> None:
    """Raise ConfigError if one of the columns is there already."""
    taken = [name for name in columns if name in there]
    if taken:
        raise ConfigError(
            f"Expected a file without the columns {listed(taken)}, found them in "
            f"{quoted(source.name)}; remove them, or add to the file from before."
        )


def by_row(
    values: NDArray[np.generic], kept: BoolArray | None, n: int | None = None
) -> list[Value]:
    """Return one value for each of the file's n rows; None where the row is no sample.

    `n` may exceed the rows of `kept`: blank rows at the end are none of them.
    """
    places = range(len(values)) if kept is None else np.flatnonzero(kept).tolist()
    rows = len(values) if kept is None else len(kept)
    found: list[Value] = [None] * (rows if n is None else n)
    for row, value in zip(places, values.tolist(), strict=True):
        found[row] = value
    return found
