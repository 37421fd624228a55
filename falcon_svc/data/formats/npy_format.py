"""The `.npy` layout, read without trust: the header is checked before memory is taken.

`numpy.load` believes the header (a file of 200 bytes can ask for 3.6 TiB) and, if allowed,
unpickles objects; here pickles are refused and the claimed size must equal the bytes there are.
Format: numpy.lib.format, versions 1.0 and 2.0 (3.0 exists for structured types only).
"""

from __future__ import annotations

import math
import tokenize
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from falcon_svc.data.refusal import reading, refusal

HEADER_ERRORS = (ValueError, TypeError, SyntaxError, OverflowError, EOFError, MemoryError)
HEADER_ERRORS += (RecursionError, KeyError, AttributeError, tokenize.TokenError)  # type: ignore[assignment]
PIECE_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ArrayHeader:
    """Shape, type and order that an `.npy` file claims."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool

    @property
    def nbytes(self) -> int:
        """Bytes claimed, exact at any size."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: BinaryIO, *, size: int, where: str) -> ArrayHeader:
    """Read the header at the start of `stream`, which holds `size` bytes in all.

    Raises
    ------
    InputError
        Damaged header, object or structured type, or a claim that is not the bytes there are.
    """
    with reading("a numpy array", where=where, errors=HEADER_ERRORS):
        version = npy.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = npy.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = npy.read_array_header_2_0(stream)
        else:
            raise ValueError(f"numpy file version {version} is not 1.0 or 2.0")
        if any(length < 0 for length in shape):
            raise ValueError(f"negative shape {shape}")
    header = ArrayHeader(tuple(int(n) for n in shape), dtype, fortran)
    _check_dtype(header, where)
    _check_claim(header, size - stream.tell(), where)
    return header


def _check_dtype(header: ArrayHeader, where: str) -> None:
    if header.dtype.hasobject:
        raise refusal(
            "numbers or strings",
            "Python objects (pickles, which can run code)",
            where=where,
            remedy="save the array with a plain type: numbers as x.astype('float32'), labels as "
            "y.astype(str)",
            code="pickle_refused",
        )
    if header.dtype.names is not None or header.dtype.subdtype is not None:
        raise refusal(
            "numbers or strings",
            "a structured type",
            where=where,
            remedy="save each field as an array of its own",
            code="bad_dtype",
        )


def _check_claim(header: ArrayHeader, there: int, where: str) -> None:
    if header.nbytes != there:
        raise refusal(
            f"{header.nbytes:,} bytes for shape {header.shape}",
            f"{there:,}",
            where=where,
            remedy="the file is cut off or its header is wrong, write it again",
            code="truncated",
        )


def read_array(stream: BinaryIO, header: ArrayHeader) -> NDArray[Any]:
    """Read the array after its header; floats become float32 piece by piece.

    Peak memory is one array of the returned type, except in Fortran order (two).
    """
    target = np.dtype(np.float32) if header.dtype.kind == "f" else header.dtype.newbyteorder("=")
    flat = np.empty(math.prod(header.shape), target)
    step = max(1, PIECE_BYTES // max(header.dtype.itemsize, 1))
    # Overflow becomes inf, which the vector check reports.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, flat.size, step):
            count = min(step, flat.size - start)
            piece = stream.read(count * header.dtype.itemsize)
            flat[start : start + count] = np.frombuffer(piece, header.dtype)
    if header.fortran:
        return flat.reshape(header.shape[::-1]).T
    return flat.reshape(header.shape)
