"""Bytes that are on the disk when a call returns, and what is said where the disk does not take
them.

Place: below everything that writes what must survive a power loss: checkpoints, results, uploads,
artifacts, the features' cache. A file is durable once it and the folder that names it are synced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from falcon_svc.errors import StorageError

WINDOWS = os.name == "nt"


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk.

    Windows syncs files that are open for writing only, and keeps names in its journal by itself.
    """
    if WINDOWS and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(file: IO[Any]) -> None:
    """Wait until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def lock(file: IO[Any]) -> None:
    """Wait until no other process has an open file locked; the lock ends with the file.

    On Windows the first byte stands for the file, and waiting ends with an error after ten seconds.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def storage_errors(what: str, *, remedy: str) -> Iterator[None]:
    """Turn the system's errors into one sentence.

    Parameters
    ----------
    what
        What could not be done, as the beginning of a sentence.
    remedy
        What to do about it, as its end.

    Raises
    ------
    StorageError
        The system raised OSError; a full disk has the code ``storage_full``.
    """
    try:
        yield
    except OSError as error:
        raise StorageError.because(what, error, remedy=remedy) from error
