"""Arrow columns to numpy: labels, numbers with holes, vectors as lists or as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from falcon_svc.data.formats import arrow_types
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Column
from falcon_svc.types import SEVERAL, FloatArray

SEPARATORS = re.compile(r"[\s,;]+")
INTERVAL = re.compile(r"[(][^()\[\]]*[\]]|[\[][^()\[\]]*[)]")  # (0.5, 1.2] as pandas.cut writes it
DECIMAL_LIST = re.compile(r"[\s;]+")
WHOLE_LIMIT = 2**62


def to_numpy(values: pa.ChunkedArray) -> Column:
    """Return (rows,) numbers or words; strings repeated by a dictionary share their memory.

    Null is -1 among whole numbers, NaN among floats, None among words. True and false become the
    words ``True`` and ``False``; decimals numbers; dates ISO 8601; bytes must be UTF-8; a list is
    its values joined by ``|``.
    """
    kind = arrow_types.stored(values.type)
    if kind != values.type:
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], kind)
    convert = next((convert for test, convert in CONVERSIONS if test(kind)), _words)
    return convert(values)


def _integers(values: pa.ChunkedArray) -> Column:
    if values.null_count:
        values = pc.cast(values, pa.int64()).fill_null(-1)  # unsigned ones know no -1
    return np.asarray(values.to_numpy())


def _decimals(values: pa.ChunkedArray) -> Column:
    return _whole_if_all(floats(values))


def _booleans(values: pa.ChunkedArray) -> Column:
    words = np.array(["False", "True", None], dtype=object)
    return np.asarray(words[pc.fill_null(pc.cast(values, pa.int8()), 2).to_numpy()])


def _words(values: pa.ChunkedArray) -> Column:
    if arrow_types.is_bytes(values.type) and not pa.types.is_fixed_size_binary(values.type):
        values = pc.cast(values, pa.large_binary())
    return np.asarray(pc.cast(values, pa.large_string()).to_numpy())


def _categories(values: pa.ChunkedArray) -> Column:
    if not arrow_types.is_words(values.type.value_type):
        return to_numpy(pc.cast(values, values.type.value_type))
    return np.concatenate([_decoded(chunk) for chunk in values.chunks] or [np.empty(0, object)])


def _decoded(chunk: pa.DictionaryArray) -> Column:
    words = np.array([*chunk.dictionary.to_pylist(), None], dtype=object)
    codes = chunk.indices.fill_null(len(words) - 1).to_numpy()
    return np.asarray(words[codes])


def _lists(values: pa.ChunkedArray) -> Column:
    """Return what each list holds, joined by ``|``; of one value it is the value."""
    told = [None if v is None else SEVERAL.join(map(_word, v)) for v in values.to_pylist()]
    return np.array([*told, None], dtype=object)[:-1]


def _word(value: Any) -> str:
    return "" if value is None else str(value)


CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Column]], ...] = (
    (pa.types.is_dictionary, _categories),
    (pa.types.is_integer, _integers),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_floating, lambda values: np.asarray(values.to_numpy())),
    (pa.types.is_boolean, _booleans),
    (pa.types.is_null, lambda values: np.full(len(values), "", dtype=object)),
    (arrow_types.is_list, _lists),
)


def _whole_if_all(values: NDArray[Any]) -> Column:
    known = values[~np.isnan(values)]
    whole = (np.floor(known) == known) & (np.abs(known) < WHOLE_LIMIT)
    return np.where(np.isnan(values), -1, values).astype(np.int64) if whole.all() else values


def floats(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """Return (rows,) numbers with null as NaN; true is 1 and false 0."""
    kind = arrow_types.stored(values.type)
    if pa.types.is_dictionary(kind):
        values = pc.cast(values, kind.value_type)
    if pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.int8())
    kind = values.type if pa.types.is_floating(values.type) else pa.float64()
    return np.asarray(pc.cast(values, kind, safe=False).to_numpy(zero_copy_only=False))


def from_lists(chunks: Iterable[pa.Array], rows: int, *, name: str, where: str) -> FloatArray:
    """Return (rows, D) float32; chunks are taken one by one, so memory holds one of them.

    Lists within lists (tensors) are laid out in a row.

    Raises
    ------
    InputError
        Lists of different length.
    """
    out = np.empty((0, 0), np.float32)
    start = 0
    for chunk in chunks:
        flat, width = _flattened(chunk, out.shape[1] if start else None, start, name, where)
        if not start and len(chunk):
            out = np.empty((rows, width), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            out[start : start + len(chunk)] = floats(flat).reshape(len(chunk), -1)
        start += len(chunk)
    return out[:start]


def _flattened(
    chunk: pa.Array, wanted: int | None, start: int, name: str, where: str
) -> tuple[pa.Array, int]:
    """Return the numbers of a chunk of lists, and how many belong to each row."""
    width, rows = 1, len(chunk)
    chunk = _storage(chunk)
    while arrow_types.is_list(chunk.type):
        lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        first = int(lengths[0]) if len(lengths) else 0
        inner = arrow_types.is_list(arrow_types.stored(chunk.type.value_type))
        known = wanted is not None and width == 1 and not inner
        _check_equal(lengths, wanted if known and wanted else first, start, width, name, where)
        width *= first
        chunk = _storage(chunk.flatten())
    if wanted is not None and rows:
        _check_equal(np.array([width]), wanted, start, 1, name, where)
    return chunk, width


def _storage(chunk: pa.Array) -> pa.Array:
    return chunk.storage if isinstance(chunk, pa.ExtensionArray) else chunk


def _check_equal(
    lengths: NDArray[Any], width: int, start: int, per_row: int, name: str, where: str
) -> None:
    other = np.flatnonzero(lengths != width)
    if other.size and not width * lengths[other[0]]:
        row = int(other[0]) if width else 0
        raise refusal(
            f"a vector in {quoted(name)} in every row",
            f"none in row {start + row // per_row} (counted from 0)",
            where=where,
            remedy="leave out the rows without a vector",
            code="ragged",
        )
    if other.size:
        row = int(other[0])
        raise refusal(
            f"{width:,} numbers in {quoted(name)} as in row 0",
            f"{int(lengths[row]):,} in row {start + row // per_row} (counted from 0)",
            where=where,
            remedy="give all vectors the same length; if these are none, name the vectors with "
            "vector_column or columns of numbers with feature_columns",
            code="ragged",
        )


def from_texts(texts: Column, *, name: str, where: str) -> FloatArray:
    """Parse vectors written as "[1, 2, 3]" or "1 2 3" or "1;2;3" or "1,5;2,5"."""
    _check_whole(texts, name, where)
    rows = [_parts(str(text or "")) for text in texts.tolist()]
    lengths = np.array([len(row) for row in rows])
    width = int(lengths[0]) if len(lengths) else 0
    _check_equal(lengths, width, 0, 1, name, where)
    out = np.empty((len(rows), width), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for i, row in enumerate(rows):
            try:
                out[i] = [float(number) for number in row]
            except ValueError as error:
                raise refusal(
                    f"numbers in {quoted(name)}",
                    f"{quoted(error)} in row {i} (counted from 0)",
                    where=where,
                    remedy="write vectors as [1.5, 2, 3]",
                    code="bad_dtype",
                ) from error
    return out


def _check_whole(texts: Column, name: str, where: str) -> None:
    """Refuse vectors that numpy or pandas shortened when they were printed."""
    cut = next((row for row, text in enumerate(texts.tolist()) if "..." in str(text)), None)
    if cut is not None:
        raise refusal(
            f"whole vectors in {quoted(name)}",
            f"one that is cut short by ... in row {cut} (counted from 0)",
            where=where,
            remedy="write them with json.dumps(vector.tolist()), or save them as Parquet",
            code="cut_vector",
        )


def unprinted(text: str) -> str:
    """Return the list in ``array([1., 2.], dtype=float32)`` or ``tensor(...)``, else the text."""
    name, _, inner = text.strip().partition("(")
    if name.rpartition(".")[2] not in ("array", "tensor"):
        return text
    return inner[: inner.rfind("]") + 1]


def _parts(text: str) -> list[str]:
    """Split a vector; with semicolons, a comma is a decimal mark."""
    bare = unprinted(text).strip("[](){} \t\r\n,;").replace("[", " ").replace("]", " ").strip()
    if ";" in bare and "," in bare:
        return DECIMAL_LIST.split(bare.replace(",", "."))
    return SEPARATORS.split(bare)


def looks_like_vector(text: str) -> bool:
    """Return whether a cell is written as at least two numbers, and not as an interval of two."""
    if INTERVAL.fullmatch(text.strip()):
        return False
    try:
        return len([float(part) for part in _parts(text)]) > 1
    except ValueError:
        return False
