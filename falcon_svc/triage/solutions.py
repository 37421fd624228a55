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
from safetensors import SafetensorError, safe_open

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.errors import StorageError
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray


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
    record = {
        "classes": [asdict(held) for held in placement.classes],
        "next_number": placement.next_number,
    }
    tensors = {name: np.ascontiguousarray(getattr(placement, name)) for name in _ARRAYS}
    data = safetensors.numpy.save(tensors, {"record": json.dumps(record)})
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


def load_placement(folder: Path, digest: str, *, n_samples: int) -> Placement:
    """Read a placement.

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
        if any(len(arrays[name]) != n_samples for name in _ARRAYS):
            raise ValueError("length")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise StorageError(
            f"The review needs the re-solve {path}, but it is missing or not as it was written; "
            "take it back from a copy, or undo that re-solve's revision."
        ) from error
    return Placement(
        **{name: arrays[name] for name in _ARRAYS},
        classes=tuple(_class(item) for item in record["classes"]),
        next_number=record["next_number"],
    )


_ARRAYS = ("fine", "runner_up", "confidence", "rival")


def _class(record: dict[str, Any]) -> ReviewClass:
    tuples = {name: tuple(record[name]) for name in ("parents", "born_of")}
    return ReviewClass(**{**record, **tuples})


def _path(folder: Path, digest: str) -> Path:
    return folder / f"{digest}.safetensors"
