"""What an Arrow type is to us: a number, a list of numbers, words, an image, or something else.

Extension types (tensors, UUIDs, Hugging Face's arrays) count as what they are stored as; nothing of
theirs is run.
"""

from __future__ import annotations

import pyarrow as pa
from pyarrow import types

LISTS = (
    *(types.is_list, types.is_large_list, types.is_fixed_size_list),
    *(types.is_list_view, types.is_large_list_view),
)
WORDS = (types.is_string, types.is_large_string, types.is_string_view)
BYTES = (
    *(types.is_binary, types.is_large_binary, types.is_binary_view),
    types.is_fixed_size_binary,
)


def stored(kind: pa.DataType) -> pa.DataType:
    """Return the type below an extension type."""
    return stored(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def is_number(kind: pa.DataType) -> bool:
    """Return whether values are numbers: integers, floats, decimals, true and false."""
    kind = stored(kind)
    if types.is_dictionary(kind):
        return is_number(kind.value_type)
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_boolean(kind)
    )


def is_words(kind: pa.DataType) -> bool:
    """Return whether values are text, categories of text included."""
    kind = stored(kind)
    return is_words(kind.value_type) if types.is_dictionary(kind) else _any(kind, WORDS)


def is_bytes(kind: pa.DataType) -> bool:
    """Return whether values are bytes, which may be text without its mark, or images."""
    return _any(stored(kind), BYTES)


def is_time(kind: pa.DataType) -> bool:
    """Return whether values are dates, times or durations."""
    return bool(types.is_temporal(stored(kind)))


def is_list(kind: pa.DataType) -> bool:
    """Return whether values are lists."""
    return _any(stored(kind), LISTS)


def is_vector(kind: pa.DataType) -> bool:
    """Return whether values are lists of numbers, of any depth."""
    kind = stored(kind)
    if not is_list(kind):
        return False
    return is_number(kind.value_type) or is_vector(kind.value_type)


def is_image(kind: pa.DataType) -> bool:
    """Return whether values are images as Hugging Face stores them: bytes, and perhaps a path."""
    kind = stored(kind)
    if not types.is_struct(kind):
        return False
    fields = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
    return "bytes" in fields and is_bytes(fields["bytes"]) and set(fields) <= {"bytes", "path"}


def is_nested(kind: pa.DataType) -> bool:
    """Return whether values are records with fields, and no images."""
    return bool(types.is_struct(kind)) and kind.num_fields > 0 and not is_image(kind)


def _any(kind: pa.DataType, tests: tuple) -> bool:  # type: ignore[type-arg]
    return any(test(kind) for test in tests)
