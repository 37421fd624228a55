"""A result directory appears whole or not at all.

Place: under `result_files`; knows nothing of discoveries. Files are written to a temporary
sibling (same file system, so that a rename is atomic), each one and then the directory are
fsynced, and only then the name is taken over, by one exchange where there was an earlier result.
A kill leaves at worst a hidden sibling `.NAME.*.tmp`, which a later write sweeps once it is an
hour old, never a half-written directory. Where the file system cannot exchange names, replacing
takes two renames: a kill right between them leaves both results whole in such siblings.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.durable.swap import exchange
from falcon_svc.errors import StorageError

FileContent = bytes | Callable[[Path], None]
"""The bytes of a file, or a function that writes it to the path it is given."""

MARKER = "discovery.json"
"""The file by which a directory is known as a result; it lists the other files under `files`."""

EXPLORED = "explore.json"
"""The same of a directory in which several totals lie for somebody to choose from."""

STALE_S = 3600.0
"""Age at which a temporary sibling is taken for a killed run's."""


def replace_directory(
    directory: Path,
    files: Mapping[str, FileContent],
    *,
    over: Sequence[str] = (MARKER, EXPLORED),
) -> None:
    """Write `files` and let them become `directory`, in place of an earlier result.

    Parameters
    ----------
    directory
        Must not exist, be empty, or hold an earlier result and nothing else.
    files
        Names and contents, written in order: a function may read the files before its own.
    over
        Markers of what may be replaced.

    Raises
    ------
    StorageError
        The directory is not ours to replace, or could not be written; it is then as before.
    """
    directory = Path(directory).resolve()
    check_replaceable(directory, over=over)
    what = f"The result could not be written to {directory}, where nothing was changed"
    with storage_errors(what, remedy="name a directory on another disk"):
        directory.parent.mkdir(parents=True, exist_ok=True)
        fresh = _sibling(directory)
        try:
            fresh.mkdir()
            for name, content in files.items():
                write_durably(fresh / name, content)
            sync(fresh)
            _take_over(fresh, directory)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        _sweep(directory)


def check_replaceable(directory: Path, *, over: Sequence[str] = (MARKER, EXPLORED)) -> None:
    """Raise StorageError unless a result may be written to `directory`. Cheap: call it early."""
    directory = Path(directory)
    _check_home(directory)
    if not directory.exists():
        return
    if not directory.is_dir():
        raise StorageError(
            f"The result needs a directory, but {directory} is a file; name another."
        )
    foreign = sorted({entry.name for entry in directory.iterdir()} - _own_names(directory, over))
    if foreign:
        raise StorageError(
            f"A result replaces only an earlier result or an empty directory, but {directory} "
            f"holds {foreign[0]!r}, which is no part of one; move it or name another directory."
        )


def _check_home(directory: Path) -> None:
    """Raise StorageError unless files can be made beside `directory`, which is renamed there."""
    home = next(folder for folder in directory.absolute().parents if os.path.exists(folder))
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        what = "takes no files of yours" if home.is_dir() else "is a file"
        raise StorageError(
            f"The result needs a folder that it can be written into, but {home} {what}; name "
            "another directory."
        )


def _own_names(directory: Path, markers: Sequence[str]) -> set[str]:
    """Names of the files that earlier runs wrote there; empty if it is no result."""
    return {name for marker in markers for name in _listed(directory, marker)}


def _listed(directory: Path, marker: str) -> set[str]:
    try:
        listed = json.loads((directory / marker).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {marker, *listed}


def write_durably(path: Path, content: FileContent) -> None:
    """Write one new file and wait until it is on the disk."""
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
    sync(path)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _take_over(fresh: Path, directory: Path) -> None:
    """Give `fresh` the name `directory`; on failure the earlier one has it again."""
    existed = directory.exists()
    if existed and exchange(fresh, directory):
        _sync_or(directory.parent, lambda: exchange(fresh, directory))
        return
    earlier = _sibling(directory)
    if existed:
        directory.rename(earlier)
    try:
        fresh.rename(directory)
        sync(directory.parent)
    except OSError:
        if not fresh.exists():
            directory.rename(fresh)
        if existed:
            earlier.rename(directory)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _sibling(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.tmp")


def _sync_or(path: Path, undo: Callable[[], object]) -> None:
    try:
        sync(path)
    except OSError:
        undo()
        raise


def _sweep(directory: Path) -> None:
    """Remove what killed runs left beside a directory that is whole now."""
    for left in directory.parent.glob(f".{glob.escape(directory.name)}.*.tmp"):
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left, ignore_errors=True)
