"""A table as a `.parquet` or `.csv` file that is there whole, or as before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.errors import ConfigError, StorageError
from falcon_svc.result.spreadsheets import harmless_table

if TYPE_CHECKING:
    import pyarrow as pa

TableFile = Annotated[Path, typer.Option("--out", metavar="FILE", help="A .parquet or .csv file.")]


def check_name(out: Path) -> None:
    """Raise ConfigError unless the suffix says how to write."""
    if out.suffix not in (".parquet", ".csv"):
        raise ConfigError(
            f"Expected --out to name a .parquet or .csv file, found {out.name!r}; rename it."
        )


def write_table(table: pa.Table, out: Path) -> None:
    """Write a hidden sibling and rename it.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    fresh = out.with_name(f".{out.name}.tmp")
    try:
        _write(table, fresh, out.suffix)
        fresh.replace(out)
    except OSError as error:
        raise StorageError(
            f"Cannot write {out} ({error.strerror or error}); name another --out."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def _write(table: pa.Table, path: Path, suffix: str) -> None:
    if suffix == ".csv":
        from pyarrow import csv

        csv.write_csv(harmless_table(table), path)
    else:
        import pyarrow.parquet as pq

        pq.write_table(table, path, compression="zstd")
