"""Checkpoints that survive a kill at any moment: whole or not there, verified before use.

Place: used after every epoch by the trainers of heads (`training.trainer`) and of encoders
(`moco.pretrain`). One folder per checkpoint: `state.safetensors`, `state.json` and a manifest
with their sha256. It is written under a temporary name, every file and the folder fsynced,
renamed, and its parent fsynced. The last two are kept; a damaged newest one is passed over for
the one before.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from falcon_svc.durable.files import sync, sync_file
from falcon_svc.errors import StorageError

FORMAT_VERSION = 1
KEPT = 2
_TENSORS, _NUMBERS, _MANIFEST = "state.safetensors", "state.json", "manifest.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """A state at rest: tensors by name, and JSON-ready numbers."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]

    @classmethod
    def copied(cls, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> Saved:
        """Take copies of tensors that go on changing."""
        copies = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
        return cls(copies, numbers)


class CheckpointStore:
    """Checkpoints of one training in one folder.

    Parameters
    ----------
    folder
        Made if missing; used by nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def save(self, run: str, epoch: int, saved: Saved) -> None:
        """Write a checkpoint and remove all but the last two.

        Parameters
        ----------
        run
            Digest of all that determines the training.
        epoch
            Epochs done.
        saved
            The state.

        Raises
        ------
        StorageError
            It could not be written; the earlier ones are untouched.
        """
        try:
            self._write(epoch, _files(run, saved))
        except OSError as error:
            what = f"A checkpoint could not be written to {self.folder}"
            remedy = "name another folder, then resume"
            raise StorageError.because(what, error, remedy=remedy) from error

    def load(self, run: str, *, like: Saved | None = None) -> Saved | None:
        """Return the newest undamaged checkpoint, or None where there is none.

        Parameters
        ----------
        run
            As saved.
        like
            A state of this run: each of its tensors must be there in the same shape and type.

        Raises
        ------
        StorageError
            The checkpoint belongs to another run.
        """
        for path in reversed(self._finished()):
            try:
                manifest, saved = _read(path)
                _check_run(path, manifest["run"], run)
                _check_shapes(saved, like)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                _log.warning("checkpoint %s is damaged (%s); trying the one before", path, error)
                continue
            return saved
        return None

    def _write(self, epoch: int, files: dict[str, bytes]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for left_over in self.folder.glob("*.tmp"):
            shutil.rmtree(left_over, ignore_errors=True)
        path = self.folder / f"epoch-{epoch:06d}"
        fresh = path.with_suffix(".tmp")
        fresh.mkdir()
        for name, content in files.items():
            _write_durably(fresh / name, content)
        sync(fresh)
        shutil.rmtree(path, ignore_errors=True)  # a damaged one of the same epoch
        fresh.rename(path)
        sync(self.folder)
        for old in self._finished()[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def _finished(self) -> list[Path]:
        """Finished checkpoints, oldest first."""
        found = [path for path in self.folder.glob("epoch-*") if path.suffix != ".tmp"]
        return sorted(found)


def _files(run: str, saved: Saved) -> dict[str, bytes]:
    """Names and contents, the manifest last."""
    files = {
        _TENSORS: safetensors.torch.save(saved.tensors),
        _NUMBERS: json.dumps(saved.numbers).encode(),
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"format_version": FORMAT_VERSION, "run": run, "sha256": digests}
    return files | {_MANIFEST: json.dumps(manifest).encode()}


def _read(path: Path) -> tuple[dict[str, Any], Saved]:
    """Read and verify; ValueError says what is wrong."""
    manifest = json.loads((path / _MANIFEST).read_bytes())
    if manifest["format_version"] != FORMAT_VERSION:
        raise ValueError(f"format {manifest['format_version']}, expected {FORMAT_VERSION}")
    contents = {name: (path / name).read_bytes() for name in (_TENSORS, _NUMBERS)}
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
            raise ValueError(f"{name} differs from its sha256")
    tensors = safetensors.torch.load(contents[_TENSORS])
    return manifest, Saved(tensors, json.loads(contents[_NUMBERS]))


def _check_run(path: Path, found: str, run: str) -> None:
    if found != run:
        raise StorageError(
            f"The checkpoint {path} belongs to a run with other data, settings or seed; "
            "resume with those, or remove the folder to start anew."
        )


def _check_shapes(saved: Saved, like: Saved | None) -> None:
    for name, tensor in (like.tensors if like is not None else {}).items():
        found = saved.tensors[name]
        if (found.shape, found.dtype) != (tensor.shape, tensor.dtype):
            raise ValueError(f"{name} is {found.dtype} {tuple(found.shape)}")


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        sync_file(file)


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with `prefix.` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix.`, without it."""
    start = f"{prefix}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
