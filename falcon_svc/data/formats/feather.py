"""`.feather` (version 2, which is Arrow's IPC format): read whole and then checked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import feather

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns, check_names
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.refusal import quoted, reading, refusal


def open_feather(path: Path, config: DataConfig) -> TableSource:
    """Open a Feather file as a table.

    Raises
    ------
    InputError
        Damage, or more bytes than `max_bytes` or `max_compression_ratio` allow.
    """
    where = quoted(path.name)
    with reading("a Feather file", where=where, errors=ARROW_ERRORS):
        table = feather.read_table(path, memory_map=False, use_threads=False)
        _check_size(table, path.stat().st_size, where, config)
        table.validate(full=True)
    check_names(table.column_names, where)
    return TableSource(where, Columns.of(table), config)


def _check_size(table: pa.Table, packed: int, where: str, config: DataConfig) -> None:
    size = table.nbytes
    bomb = size > config.ratio_free_bytes and size > packed * config.max_compression_ratio
    if bomb or size > config.max_bytes or table.num_rows > config.max_rows:
        raise refusal(
            f"at most {config.max_rows:,} rows, {config.max_bytes:,} bytes and a compression of "
            f"{config.max_compression_ratio:g} : 1",
            f"{table.num_rows:,} rows and {size:,} bytes from {packed:,}",
            where=where,
            remedy="split the file or raise the limits",
            code="too_large",
        )
