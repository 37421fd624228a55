"""What a worker process does to itself before it reads anything: its end, its share, its limits.

A process that reads an upload first (`check`) gets little processor time, little memory and few
files besides; what it may see at all is in `isolation`. Memory is counted beyond what the process
has when it begins, so that a copy of one that has loaded everything has as much room as a fresh
one. What share of the processor it has is the engine's to say (`engines.priority`).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from falcon_svc.settings import Settings

CHECK_FILES = 256
CHECK_START_S, CHECK_BYTES_PER_S = 60, 2 * 2**20
STATUS = Path("/proc/self/status")
_PR_SET_PDEATHSIG = 1


def limit_self(settings: Settings, kind: str, supervisor: int) -> None:
    """Limit this process; it ends here if its supervisor is gone already.

    Parameters
    ----------
    settings
        Limits.
    kind
        ``job`` or ``check``.
    supervisor
        Process id of whoever started it.
    """
    die_with(supervisor)
    _limit(resource.RLIMIT_CORE, 0)
    if kind == "job" and settings.worker_memory_bytes is not None:
        _limit(resource.RLIMIT_DATA, _data_bytes() + settings.worker_memory_bytes)


def reading_s(settings: Settings, size_bytes: int) -> int:
    """Return the processor time that reading an upload of some size may take, in seconds."""
    return min(CHECK_START_S + size_bytes // CHECK_BYTES_PER_S, settings.check_cpu_s)


def limit_reader(settings: Settings, seconds: int, original: int) -> None:
    """Limit the copy of a process that reads an upload; it dies with the original."""
    die_with(original)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_NOFILE, CHECK_FILES)
    _limit(resource.RLIMIT_DATA, _data_bytes() + settings.check_memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)


def _data_bytes() -> int:
    """Return the data memory that this process has now (proc(5), VmData); 0 if it is not told."""
    with suppress(OSError, StopIteration, ValueError):
        lines = STATUS.read_text("utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmData:")).split()[1])
    return 0


def die_with(parent: int) -> None:
    """Let the kernel kill this process with its parent (Linux); it ends here if that is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _limit(what: int, most: int) -> None:
    """Lower a limit, never raise it."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
