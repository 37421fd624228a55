"""`assignments.parquet`: one row per sample, in the data set's order.

Place: used by `result_files` and the service. Columns: `id`; `coarse`, the name of the sample's
coarse class in the first label source, and `coarse_NAME` for each further source (null = not
labelled); `fine` and its working name `fine_name`, `confidence`, `margin`, `runner_up` (null = no
other child), `fine_unmasked`.
Where labels were judged, `wrong_probability`, `proposed_coarse`, `proposed_probability`, with
`_NAME` for each further source: never a name that begins with `coarse`, as a table that is read
as a data set takes such columns for labels.
The bytes are a function of the discovery: fixed encoding, compression and row groups, no time.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.result.record import Assignments, Discovery
from falcon_svc.types import SEVERAL, UNLABELLED, FloatArray, IntArray, LabelSource

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_PER_GROUP = 1 << 17  # a reader of slices touches little; 1M samples make 8 groups
NO_RUNNER_UP = -1


def assignments_parquet(discovery: Discovery) -> bytes:
    """Return the file's bytes: the same discovery gives the same bytes."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(
        assignments_table(discovery),
        buffer,
        version="2.6",
        compression="zstd",
        compression_level=3,
        row_group_size=ROWS_PER_GROUP,
    )
    return buffer.getvalue()


def assignments_table(discovery: Discovery) -> pa.Table:
    """Return the pyarrow table, for other formats than Parquet."""
    import pyarrow as pa

    found = discovery.assignments
    names = coarse_columns([source.name for source in discovery.sources])
    lonely = found.runner_up == NO_RUNNER_UP
    return pa.table(
        {
            "id": pa.array(discovery.ids, pa.string()),
            **{n: names_column(s) for n, s in zip(names, discovery.sources, strict=True)},
            "fine": pa.array(found.fine),
            "fine_name": fine_names(found.fine, discovery.fine_names),
            "confidence": pa.array(found.confidence),
            "margin": pa.array(found.margin),
            "runner_up": pa.array(found.runner_up, mask=lonely),
            "fine_unmasked": pa.array(found.fine_unmasked),
            **_noise_columns(discovery),
        }
    )


def fine_names(fine: IntArray, names: Sequence[str]) -> pa.Array:
    """Return (N,) working names of fine classes; null in results from before there were any."""
    import pyarrow as pa

    if not any(names):
        return pa.nulls(len(fine), pa.string())
    return pa.DictionaryArray.from_arrays(fine.astype(np.int32), pa.array(names, pa.string()))


def _noise_columns(discovery: Discovery) -> dict[str, pa.Array]:
    """Per judged source: that the label is wrong, the better one, its probability; or null."""
    import pyarrow as pa

    sources = {source.name: source for source in discovery.sources}
    columns: dict[str, pa.Array] = {}
    for noise in discovery.label_noise:
        source = sources[noise.source]
        proposed = replace(source, labels=noise.proposed)
        empty = source.labels == UNLABELLED
        wrong, better, sure = noise_columns(noise.source, first=discovery.sources[0].name)
        columns[wrong] = pa.array(noise.wrong_probability, mask=empty)
        columns[better] = names_column(proposed)
        columns[sure] = pa.array(noise.proposed_probability, mask=empty)
    return columns


def noise_columns(source: str, *, first: str) -> tuple[str, str, str]:
    """Return the names of a source's columns; those of the `first` source have no suffix."""
    suffix = "" if source == first else f"_{source}"
    names = ("wrong_probability", "proposed_coarse", "proposed_probability")
    return (f"{names[0]}{suffix}", f"{names[1]}{suffix}", f"{names[2]}{suffix}")


def coarse_columns(sources: Sequence[str]) -> tuple[str, ...]:
    """Return each source's column name: `coarse` for the first, `coarse_NAME` for the others."""
    return ("coarse", *(f"coarse_{name}" for name in sources[1:]))


def read_assignments(data: bytes) -> pa.Table:
    """Return the table that `assignments_parquet` wrote."""
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data))


def table_assignments(table: pa.Table) -> Assignments:
    """Return the table's assignment columns as arrays."""
    return Assignments(
        fine=_numbers(table, "fine", np.int64),
        confidence=_numbers(table, "confidence", np.float32),
        margin=_numbers(table, "margin", np.float32),
        runner_up=_numbers(table, "runner_up", np.int64),
        fine_unmasked=_numbers(table, "fine_unmasked", np.int64),
    )


def table_floats(table: pa.Table, column: str) -> FloatArray:
    """Return a column of probabilities; NaN where there is none."""
    values: FloatArray = _filled(table.column(column), float("nan"), np.float32)
    return values


def table_labels(table: pa.Table, column: str, names: Sequence[str]) -> IntArray:
    """Return one source's labels as positions in `names`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    text = table.column(column).cast(pa.string())
    positions = pc.index_in(text, value_set=pa.array(names, pa.string()))
    labels: IntArray = _filled(positions, UNLABELLED, np.int64)
    return labels


def table_source(table: pa.Table, column: str, name: str, names: Sequence[str]) -> LabelSource:
    """Return a label source as `names_column` wrote it, samples of several classes included."""
    labels, place = table_labels(table, column, names), {n: k for k, n in enumerate(names)}
    several = {}
    texts = table.column(column)
    for row in np.flatnonzero(labels == UNLABELLED).tolist():
        text = texts[row].as_py()
        if text is not None:
            several[row] = tuple(place[part] for part in text.split(SEVERAL))
    return LabelSource(name, labels, tuple(names), several)


def names_column(source: LabelSource) -> pa.DictionaryArray:
    """Return (N,) class names of a source; null where it does not label."""
    import pyarrow as pa

    cells = source.cells().source
    codes = pa.array(cells.labels.astype(np.int32), mask=cells.labels == UNLABELLED)
    return pa.DictionaryArray.from_arrays(codes, pa.array(cells.names, pa.string()))


def _numbers(table: pa.Table, column: str, dtype: Any) -> Any:
    return _filled(table.column(column), NO_RUNNER_UP, dtype)


def _filled(column: pa.ChunkedArray, null: float, dtype: Any) -> Any:
    import pyarrow.compute as pc

    values = pc.fill_null(column, null) if column.null_count else column
    return values.to_numpy().astype(dtype)
