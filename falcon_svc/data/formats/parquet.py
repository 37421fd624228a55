"""`.parquet`, one file or a folder of shards, column by column, footers checked first.

Strings are read as dictionaries, so a page that repeats one long string a million times stays
one string. Columns of a type that is not read are refused only when needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns, check_names, unnested
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.refusal import listed, quoted, reading, refusal

BATCH_ROWS = 65_536
NUMBER_BYTES = 4
BUFFER_BYTES = 2**20  # else a whole row group is held beside the batch


def open_parquet(path: Path, config: DataConfig) -> TableSource:
    """Open a Parquet file; columns are read when asked for."""
    return open_shards((path,), quoted(path.name), config)


def open_shards(paths: tuple[Path, ...], where: str, config: DataConfig) -> TableSource:
    """Open one or more Parquet files of the same columns as one table, in the order given.

    Raises
    ------
    InputError
        Damage, claims above the limits, or files of different columns.
    """
    with reading("a Parquet file", where=where, errors=ARROW_ERRORS):
        paths = tuple(path for path in paths if pq.read_metadata(path).num_rows) or paths[:1]
        schema, rows = pq.read_schema(paths[0]), 0
        check_names(schema.names, where)
        for path in paths:
            metadata = pq.read_metadata(path)
            _check_same(schema, pq.read_schema(path), path, where)
            _check_claims(metadata, path.stat().st_size, where, config)
            rows += metadata.num_rows
    texts = {field.name for field in schema if _is_string(field.type)}
    pairs = [(name, field.name) for field in schema for name in _names_inside(field)]
    check_names([name for name, _ in pairs], where)
    inside = dict(pairs)

    def batches(names: list[str]) -> Iterator[pa.RecordBatch]:
        columns = list(dict.fromkeys(inside[name] for name in names))
        coded = [name for name in columns if name in texts]
        for path in paths:
            for batch in _batches(path, columns, coded, where, config):
                yield batch if columns == names else _picked(batch, names)

    flat = unnested(schema.empty_table()).schema
    return TableSource(where, Columns(flat, rows, batches), config)


def _names_inside(field: pa.Field) -> list[str]:
    """Return the names of a column's fields, or its own where it is no record."""
    return list(unnested(pa.schema([field]).empty_table()).column_names)


def _picked(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """Return fields of records, by the names that `unnested` gives them."""
    table = unnested(pa.Table.from_batches([batch])).select(names).combine_chunks()
    return pa.record_batch([_whole(column) for column in table.columns], schema=table.schema)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _check_same(schema: pa.Schema, other: pa.Schema, path: Path, where: str) -> None:
    if not schema.equals(other):
        raise refusal(
            "shards with the same columns of the same types",
            f"{listed(f'{f.name}: {f.type}' for f in other)} in {quoted(path.name)} after "
            f"{listed(f'{f.name}: {f.type}' for f in schema)}",
            where=where,
            remedy="keep data sets in folders of their own",
            code="mixed_shards",
        )


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_claims(metadata: pq.FileMetaData, size: int, where: str, config: DataConfig) -> None:
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    total = max(sum(group.total_byte_size for group in groups), _list_bytes(metadata))
    ratio = total / max(size, 1)
    bomb = total > config.ratio_free_bytes and ratio > config.max_compression_ratio
    if bomb or not 0 <= total <= config.max_bytes or not 0 <= metadata.num_rows <= config.max_rows:
        raise refusal(
            f"at most {config.max_rows:,} rows, {config.max_bytes:,} bytes and a compression "
            f"of {config.max_compression_ratio:g} : 1",
            f"{metadata.num_rows:,} rows, {total:,} bytes and {ratio:,.0f} : 1",
            where=where,
            remedy="split the file or raise the limits",
            code="too_large",
        )
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError("the row groups do not add up to the rows of the file")


def _list_bytes(metadata: pq.FileMetaData) -> int:
    """Return the bytes that all lists unpack to: run lengths hide them from the page sizes."""
    schema = metadata.schema
    lists = [j for j in range(metadata.num_columns) if schema.column(j).max_repetition_level]
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return sum(NUMBER_BYTES * group.column(j).num_values for group in groups for j in lists)


def _batches(
    path: Path, names: list[str], coded: list[str], where: str, config: DataConfig
) -> Iterator[pa.RecordBatch]:
    size = 0
    with pq.ParquetFile(path, read_dictionary=coded or None, buffer_size=BUFFER_BYTES) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
            batch.validate(full=True)
            size += batch.nbytes
            if size > config.max_bytes:
                raise refusal(
                    f"at most {config.max_bytes:,} bytes in the columns {listed(names[:3])}",
                    "more",
                    where=where,
                    remedy="split the file or raise max_bytes",
                    code="too_large",
                )
            yield batch.select(names)
