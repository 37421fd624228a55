"""A trained classifier as one file: tensors as safetensors, everything else as JSON in its header.

Place: under `HierarchicalClassifier.save`, `load` and pickling. Reading runs no code from the
file: safetensors holds numbers, the record is checked on the way in, a digest tells of damage.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from falcon_svc.data.refusal import quoted
from falcon_svc.durable.files import storage_errors, sync, sync_file
from falcon_svc.errors import StorageError

FORMAT = "falcon-svc hierarchical classifier"
VERSION = 1
MOST_BYTES = 8 * 2**30
Tensors = Mapping[str, NDArray[Any]]


def to_bytes(record: Mapping[str, Any], tensors: Tensors) -> bytes:
    """Return the file's bytes; the same for the same content.

    Parameters
    ----------
    record
        JSON-ready.
    tensors
        Arrays by name.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in sorted(tensors.items())}
    header = {"version": VERSION, "sha256": _digest(arrays), "record": record}
    text = json.dumps(header, ensure_ascii=False)
    return safetensors.numpy.save(arrays, metadata={FORMAT: text})  # one key: no order to vary


def from_bytes(content: bytes, *, where: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return record and tensors.

    Raises
    ------
    StorageError
        The bytes are no classifier of this version, or damaged.
    """
    try:
        header = _header(content)
        tensors = safetensors.numpy.load(content)
        if header["sha256"] != _digest(tensors):
            raise ValueError("its tensors differ from their sha256")
        record: dict[str, Any] = header["record"]
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise StorageError(
            f"Expected a classifier (format version {VERSION}) in {where}, but it cannot be read "
            f"({error}); save it again with HierarchicalClassifier.save."
        ) from error
    return record, tensors


def write(path: Path, content: bytes) -> None:
    """Write durably; the file appears whole or not at all.

    Raises
    ------
    StorageError
        It cannot be written; an earlier file of that name is as it was.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(f"The classifier could not be written to {path}", remedy="name another"):
        try:
            with fresh.open("wb") as file:
                file.write(content)
                sync_file(file)
            fresh.replace(path)
            sync(path.parent)
        finally:
            fresh.unlink(missing_ok=True)


def read(path: Path) -> bytes:
    """Return a file's bytes, at most 8 GiB.

    Raises
    ------
    StorageError
        It is missing, too large or cannot be read.
    """
    with storage_errors(f"The classifier {path} could not be read", remedy="name another file"):
        if path.is_dir():
            raise StorageError(
                f"Expected the file of a classifier, found the folder {quoted(path)}; the result "
                "of a discovery is for falcon predict, or for falcon train-classifier --result."
            )
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise StorageError(
                f"Expected a classifier of at most 8 GiB, found {size:,} bytes in "
                f"{quoted(path)}; name another file."
            )
        return path.read_bytes()


def _header(content: bytes) -> dict[str, Any]:
    """Return the metadata that begins a safetensors file: a length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= len(content) - 8:
        raise ValueError("it is no safetensors file")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    header: dict[str, Any] = json.loads(metadata[FORMAT])
    if header["version"] != VERSION:
        raise ValueError(f"it has the version {header['version']!r}")
    return header


def _digest(tensors: Tensors) -> str:
    found = hashlib.sha256()
    for name, array in sorted(tensors.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
