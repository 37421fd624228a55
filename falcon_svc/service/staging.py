"""The folder of files on their way in; what a killed process left there is swept at once.

A process keeps its files in a folder of its own, on which it holds a lock for as long as it lives:
a folder that nobody holds is a dead process's. The parts of an upload outlive processes; they lie
in a folder of the upload's name until its row ends.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falcon_svc.storage.ids import new_id

PROCESS, UPLOAD = "proc", "up"


class Staging:
    """Files that have not arrived whole, readable by the owner only.

    Parameters
    ----------
    root
        Made if missing; shared by all processes of a data directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own: Path | None = None
        self._lock = -1

    @property
    def own(self) -> Path:
        """Folder of the files of this process; what dead ones left is swept when it is made."""
        if self._own is None:
            self.root.mkdir(exist_ok=True, mode=0o700)
            self.sweep()
            fresh = self.root / new_id("new")  # without a name that is swept, until it is locked
            fresh.mkdir(mode=0o700)
            self._lock = os.open(fresh, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._own = fresh.rename(self.root / fresh.name.replace("new", PROCESS, 1))
        return self._own

    def new_file(self) -> Path:
        """Return a path where nothing is yet."""
        return self.own / new_id("file")

    def parts(self, upload_id: str) -> Path:
        """Return the folder of an upload's parts."""
        return self.root / upload_id

    def left_by_the_dead(self) -> list[Path]:
        """Return the folders of processes that have ended without removing them."""
        return [path for path in self.root.glob(f"{PROCESS}_*") if not _is_held(path)]

    def uploads(self) -> list[str]:
        """Return the ids of the uploads of which parts are here."""
        return sorted(path.name for path in self.root.glob(f"{UPLOAD}_*"))

    def sweep(self) -> None:
        """Remove what processes left that are no more."""
        for path in self.left_by_the_dead():
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove this process's folder."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None


def _is_held(folder: Path) -> bool:
    try:
        with _opened(folder) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True  # its process has just removed it
    except BlockingIOError:
        return True
    return False


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
