"""Arrow columns to numpy: labels, numbers with holes, vectors as lists or as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Column
from falcon_svc.types import FloatArray

SEPARATORS = re.compile(r"[\s,;]+")


def to_numpy(values: pa.ChunkedArray) -> Column:
    """Return (rows,) numpy; strings repeated by a dictionary share their memory."""
    if pa.types.is_dictionary(values.type):
        return np.concatenate([_decoded(chunk) for chunk in values.chunks] or [np.empty(0, object)])
    if pa.types.is_integer(values.type):
        return np.asarray(values.fill_null(-1).to_numpy())
    if pa.types.is_null(values.type):
        return np.full(len(values), "", dtype=object)
    return np.asarray(values.to_numpy())


def _decoded(chunk: pa.DictionaryArray) -> Column:
    words = np.array([*chunk.dictionary.to_pylist(), None], dtype=object)
    codes = chunk.indices.fill_null(len(words) - 1).to_numpy()
    return np.asarray(words[codes])


def floats(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return (rows,) numbers with null as NaN."""
    kind = values.type if pa.types.is_floating(values.type) else pa.float64()
    return np.asarray(pc.cast(values, kind, safe=False).to_numpy(zero_copy_only=False))


def from_lists(chunks: Iterable[pa.Array], rows: int, *, name: str, where: str) -> FloatArray:
    """Return (rows, D) float32; chunks are taken one by one, so memory holds one of them.

    Raises
    ------
    InputError
        Lists of different length.
    """
    out = np.empty((0, 0), np.float32)
    start = 0
    for chunk in chunks:
        lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy()
        if not start and len(lengths):
            out = np.empty((rows, int(lengths[0])), np.float32)
        _check_equal(lengths, out.shape[1], start, name, where)
        with np.errstate(over="ignore", invalid="ignore"):
            out[start : start + len(chunk)] = floats(chunk.flatten()).reshape(len(chunk), -1)
        start += len(chunk)
    return out[:start]


def _check_equal(lengths: NDArray[Any], width: int, start: int, name: str, where: str) -> None:
    other = np.flatnonzero(lengths != width)
    if other.size:
        row = int(other[0])
        raise refusal(
            f"{width:,} numbers in {quoted(name)} as in row 0",
            f"{int(lengths[row]):,} in row {start + row} (counted from 0)",
            where=where,
            remedy="give all vectors the same length",
            code="ragged",
        )


def from_texts(texts: Column, *, name: str, where: str) -> FloatArray:
    """Parse vectors written as "[1, 2, 3]" or "1 2 3" or "1;2;3"."""
    rows = [SEPARATORS.split(str(text or "").strip("[]() \t\r\n")) for text in texts.tolist()]
    lengths = np.array([len(row) for row in rows])
    width = int(lengths[0]) if len(lengths) else 0
    _check_equal(lengths, width, 0, name, where)
    out = np.empty((len(rows), width), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for i, row in enumerate(rows):
            try:
                out[i] = [float(number) for number in row]
            except ValueError as error:
                raise refusal(
                    f"numbers in {quoted(name)}",
                    f"{quoted(error)} in row {i}",
                    where=where,
                    remedy="write vectors as [1.5, 2, 3]",
                    code="bad_dtype",
                ) from error
    return out
