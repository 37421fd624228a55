"""Columns added to a Parquet or Feather file; its schema's metadata, as pandas' index, is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from falcon_svc.data.adding import Columns, by_row, check_free
from falcon_svc.types import BoolArray


def write(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write the copy; Parquet row group by row group."""
    if source.suffix.lower() == ".feather":
        table = feather.read_table(source, memory_map=False)
        check_free(table.column_names, columns, source)
        feather.write_feather(_joined(table, _table(columns, kept, table.num_rows)), target)
        return
    with pq.ParquetFile(source) as file:
        check_free(file.schema_arrow.names, columns, source)
        more = _table(columns, kept, file.metadata.num_rows)
        schema = _joined(file.schema_arrow.empty_table(), more.slice(0, 0)).schema
        start = 0
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                writer.write_table(_joined(table, more.slice(start, table.num_rows)))
                start += table.num_rows


def _table(columns: Columns, kept: BoolArray | None, n: int) -> pa.Table:
    return pa.table(
        {
            name: pa.array(by_row(values, kept, n), _type(values.dtype))
            for name, values in columns.items()
        }
    )


def _type(dtype: np.dtype[Any]) -> pa.DataType:
    return pa.string() if dtype.kind == "U" else pa.from_numpy_dtype(dtype)


def _joined(table: pa.Table, more: pa.Table) -> pa.Table:
    for name in more.column_names:
        table = table.append_column(name, more.column(name))
    return table
