"""What a process that reads a client's bytes may reach: its own folders, and no other tenant's.

Place: called by the worker before it reads anything. The check of an upload is the first to touch
a stranger's bytes: it runs in a copy of its process that sees the program and that one data set,
writes nothing, has no network, and gives its answer through a pipe; only the process that it was
copied from can reach the database. An attempt at a job sees all of the machine but the service's
data, of which it has its data set, its work folder, its result, the database file, and what its
settings name: another job's result, another data set.

Both hold where the kernel has Landlock (Linux 5.19 and later); the limits of `limits` hold
everywhere. docs/security.md says what is left.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from falcon_svc.worker.landlock import EVERYTHING, LOOK, USE, Access, restrict

MOST_BYTES = 64 * 2**20
"""Of an answer: ten thousand classes with names of a thousand letters fit."""
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys", "/dev")
SIDE_FILES = ("", "-wal", "-shm")
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000

Rule = tuple[Path, Access]


def apart(work: Callable[[], Any], confine: Callable[[], None]) -> Any | None:
    """Return what `work` returns, JSON-ready, done in a confined copy of this process.

    None if that process was killed, failed, or answered more than 64 MiB.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(work, confine, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read(MOST_BYTES + 1)
    _, status = os.waitpid(child, 0)
    if status != 0 or len(answer) > MOST_BYTES:
        return None
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None


def _answer(work: Callable[[], Any], confine: Callable[[], None], writing: int) -> None:
    """The rest of the copy's life; it never returns."""
    code = 1
    try:
        confine()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(work()).encode())
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def confine_reader(folders: list[Path]) -> None:
    """Leave this process the program and some folders, for reading, and no network."""
    if sys.platform == "linux":
        ctypes.CDLL(None).unshare(_NEW_USER | _NEW_NET)  # a network of its own, where it is allowed
    shown = [folder.resolve() for folder in folders]
    restrict([*_program(shown), *((folder, LOOK) for folder in shown)], offline=True)


def _program(shown: list[Path]) -> Iterator[Rule]:
    """The program's own files: the interpreter's, its packages, the libraries of the system."""
    package = Path(__file__).parents[1]
    places = {package, package.with_name("solver"), *map(Path, (sys.prefix, sys.base_prefix))}
    places |= {Path(entry) for entry in sys.path[1:] if entry}  # the first is where we were started
    for place in (*places, *map(Path, SYSTEM)):
        if not any(folder.is_relative_to(place.resolve()) for folder in shown):
            yield place.resolve(), LOOK


def confine_job(
    data: list[Path], *, shown: list[Path], own: list[Path], database: Path | None
) -> None:
    """Leave this process everything but the service's data.

    Parameters
    ----------
    data
        Folders of the service: nothing in them can be reached, but for the following.
    shown
        What may be read there.
    own
        Folders to work in; the first becomes the place of temporary files.
    database
        SQLite file, if there is one.
    """
    _keep_temporary_files_in(own[0])
    rules = [(path, EVERYTHING) for path in _around(Path("/"), [d.resolve() for d in data])]
    rules += [(path.resolve(), LOOK) for path in shown]
    rules += [(path.resolve(), EVERYTHING) for path in own]
    if database is not None:
        rules += [(Path(f"{database.resolve()}{end}"), USE) for end in SIDE_FILES]
    restrict(rules, offline=False)


def _around(folder: Path, hidden: list[Path]) -> Iterator[Path]:
    """Give the largest folders and files that hold nothing of what is hidden."""
    for path in folder.iterdir():
        if path in hidden:
            continue
        if any(one.is_relative_to(path) for one in hidden):
            yield from _around(path, hidden)
        else:
            yield path


def _keep_temporary_files_in(folder: Path) -> None:
    place = folder / "tmp"
    place.mkdir(exist_ok=True, mode=0o700)
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
