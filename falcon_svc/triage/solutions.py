"""A re-solve at rest: where every sample is, and the classes, in one file named by its digest.

The file appears whole or not at all, before the revision that names it is appended: a crash in
between leaves a file that nobody names, and the review as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.errors import StorageError
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Placement:
    """Classes and where every sample is.

    Attributes
    ----------
    fine, runner_up : int64 (N,)
        Class numbers; -1 = none.
    confidence, rival : float32 (N,)
        Probabilities of the two, in [0, 1].
    classes : tuple of ReviewClass
    next_number : int
    """

    fine: IntArray
    runner_up: IntArray
    confidence: FloatArray
    rival: FloatArray
    classes: tuple[ReviewClass, ...]
    next_number: int

    def taken_by(self, review: Review) -> Review:
        """Return the review with this placement in force; what a person said stays."""
        return replace(
            review,
            fine=self.fine.copy(),
            classes={held.number: held for held in self.classes},
            next_number=self.next_number,
        )


def save_placement(folder: Path, placement: Placement) -> str:
    """Write a placement durably and return its digest, sha256 hex."""
    return write_solution(folder, tensors_of(placement), record_of(placement))


def load_placement(folder: Path, digest: str, *, n_samples: int) -> Placement:
    """Read a placement.

    Raises
    ------
    StorageError
        The file is missing or not as it was written.
    """
    return placement_of(*read_solution(folder, digest, n_samples=n_samples))


def tensors_of(placement: Placement) -> Tensors:
    """Return the arrays of a placement by name."""
    return {name: getattr(placement, name) for name in _ARRAYS}


def record_of(placement: Placement) -> dict[str, Any]:
    """Return the rest of it, JSON-ready."""
    classes = [asdict(held) for held in placement.classes]
    return {"classes": classes, "next_number": placement.next_number}


def placement_of(arrays: Tensors, record: dict[str, Any]) -> Placement:
    """Return what `tensors_of` and `record_of` took apart."""
    return Placement(
        **{name: arrays[name] for name in _ARRAYS},
        classes=tuple(_class(item) for item in record["classes"]),
        next_number=record["next_number"],
    )


def write_solution(folder: Path, tensors: Tensors, record: dict[str, Any]) -> str:
    """Write arrays (N,) and a record durably as one file, and return its digest, sha256 hex."""
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    data = safetensors.numpy.save(whole, {"record": json.dumps(record)})
    digest = hashlib.sha256(data).hexdigest()
    path = _path(folder, digest)
    with storage_errors("The re-solve could not be written", remedy="free space, then repeat it"):
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_bytes(data)
        sync(draft)
        draft.replace(path)
        sync(folder)
    return digest


def read_solution(folder: Path, digest: str, *, n_samples: int) -> tuple[Tensors, dict[str, Any]]:
    """Return the arrays and the record of a file.

    Raises
    ------
    StorageError
        The file is missing or not as it was written.
    """
    path = _path(folder, digest)
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("digest")
        arrays = safetensors.numpy.load(data)
        with safe_open(path, "numpy") as file:
            record = json.loads(file.metadata()["record"])
        if any(len(array) != n_samples for array in arrays.values()):
            raise ValueError("length")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise StorageError(
            f"The review needs the re-solve {path}, but it is missing or not as it was written; "
            "take it back from a copy, or undo that re-solve's revision."
        ) from error
    return arrays, record


_ARRAYS = ("fine", "runner_up", "confidence", "rival")


def _class(record: dict[str, Any]) -> ReviewClass:
    """Files of before there was `found` are of classes that kept the run's numbers."""
    tuples = {name: tuple(record[name]) for name in ("parents", "born_of")}
    return ReviewClass(**{"found": record["number"], **record, **tuples})


def _path(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.safetensors"
