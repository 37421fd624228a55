"""Arrays on disk: KEY.npy, and KEY.json as the mark that it is complete.

The array goes to a temporary file, is synced and renamed; then the mark is, which holds the
array's sha256. A file that was cut off, changed or left without its mark is computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.errors import StorageError

VERSION = 1
PIECE = 1 << 22

Dtype = type[np.float32] | type[np.uint8]


def load_or_make(
    folder: Path,
    key: str,
    shape: tuple[int, ...],
    make: Callable[[NDArray[Any]], None],
    dtype: Dtype = np.float32,
) -> NDArray[Any]:
    """Return the array named `key` as a read-only memory map, computing it if need be.

    Parameters
    ----------
    folder
        Made when it is not there.
    shape, dtype
        Shape and dtype of the array.
    make
        Fills an array of zeros.

    Raises
    ------
    StorageError
        The array cannot be written (disk full, no permission).
    """
    found = _load(folder, key, shape, dtype)
    if found is not None:
        return found
    with storage_errors(
        f"The features could not be written into {folder}", remedy="choose another cache folder"
    ):
        folder.mkdir(parents=True, exist_ok=True)
        _make(folder, key, shape, make, dtype)
    made = _load(folder, key, shape, dtype)
    if made is None:
        raise StorageError(f"An array in {folder} changed while it was written; run again.")
    return made


def _load(folder: Path, key: str, shape: tuple[int, ...], dtype: Dtype) -> NDArray[Any] | None:
    """Return the array when mark, shape, type and digest all agree, else None."""
    path = folder / f"{key}.npy"
    try:
        mark = json.loads((folder / f"{key}.json").read_text())
        if mark != _mark(path, shape):
            return None
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    return array if array.shape == shape and array.dtype == dtype else None


def _mark(path: Path, shape: tuple[int, ...]) -> dict[str, object]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return {"version": VERSION, "shape": list(shape), "sha256": digest.hexdigest()}


def _make(
    folder: Path,
    key: str,
    shape: tuple[int, ...],
    make: Callable[[NDArray[Any]], None],
    dtype: Dtype,
) -> None:
    with _renamed(folder / f"{key}.npy") as path:
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        _reserve(path)
        make(array)
        array.flush()
        del array
    mark = _mark(folder / f"{key}.npy", shape)
    with _renamed(folder / f"{key}.json") as path:
        path.write_text(json.dumps(mark))


def _reserve(path: Path) -> None:
    """Take the disk space now: a full disk found through a memory map kills the process."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """Give a temporary path; sync and rename it to `path` at the end, remove it on an error."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
