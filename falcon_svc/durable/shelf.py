"""What a run has found so far, by name and key: arrays and numbers that survive a kill.

Place: under the stages of a run. One safetensors file each, written under a temporary name, synced
and renamed; its metadata hold the numbers, the key and a sha256 over all of it. A file of another
key is not found, one that was cut off or changed is made again. The keys tell whether what a stage
depends on is the same; the shelf does not judge.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from falcon_svc.durable.atomic_directory import write_durably
from falcon_svc.durable.files import storage_errors, sync

VERSION = "1"
KEY_LETTERS = 24
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Kept:
    """Arrays by name, and JSON-ready numbers and words by name."""

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


class Shelf:
    """Findings in one folder.

    Parameters
    ----------
    folder : Path
        Made if missing; used by nothing else.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> shelf = Shelf(Path(tempfile.mkdtemp()) / "stages")
    >>> shelf.put("map", "0a1b", Kept({"xy": np.zeros((2, 2))}, {"method": "pca"}))
    >>> shelf.get("map", "0a1b").numbers
    {'method': 'pca'}
    >>> shelf.get("map", "another key") is None
    True
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def put(self, name: str, key: str, kept: Kept) -> None:
        """Write a finding, whole or not at all.

        Raises
        ------
        StorageError
            It could not be written; what lay there before is untouched.
        """
        path = self._path(name, key)
        temporary = path.with_suffix(".tmp")
        arrays = {name: np.asarray(array, order="C") for name, array in kept.arrays.items()}
        metadata = _metadata(key, arrays, json.dumps(kept.numbers))
        what = f"What a run has found so far could not be written to {self.folder}"
        with storage_errors(what, remedy="name another folder, then resume"):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_durably(temporary, safetensors.numpy.save(arrays, metadata))
            temporary.replace(path)
            sync(self.folder)

    def get(self, name: str, key: str) -> Kept | None:
        """Return a finding, or None where there is none under this key that is whole."""
        path = self._path(name, key)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {tensor: file.get_tensor(tensor) for tensor in file.keys()}  # noqa: SIM118
                found = dict(file.metadata() or {})
            if found != _metadata(key, arrays, found["numbers"]):
                raise ValueError("it differs from its sha256, or is of another key or version")
            return Kept(arrays, json.loads(found["numbers"]))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            _log.warning("%s is damaged (%s); it is made again", path, error)
            return None

    def _path(self, name: str, key: str) -> Path:
        return self.folder / f"{name}-{key[:KEY_LETTERS]}.safetensors"


def _metadata(key: str, arrays: Mapping[str, NDArray[Any]], numbers: str) -> dict[str, str]:
    digest = hashlib.sha256(f"{key}\n{numbers}\n".encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return {"version": VERSION, "key": key, "numbers": numbers, "sha256": digest.hexdigest()}
