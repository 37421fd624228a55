"""What a worker process does to itself before it reads anything: its end, its share, its limits.

A process that reads an upload first (`check`) gets little processor time, little memory and few
files besides; what it may see at all is in `isolation`.
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
AUTOGROUP = Path("/proc/self/autogroup")
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
    _die_with(supervisor)
    _step_back(settings.worker_nice)
    _limit(resource.RLIMIT_CORE, 0)
    if kind == "job" and settings.worker_memory_bytes is not None:
        _limit(resource.RLIMIT_DATA, settings.worker_memory_bytes)


def reading_s(settings: Settings, size_bytes: int) -> int:
    """Return the processor time that reading an upload of some size may take, in seconds."""
    return min(CHECK_START_S + size_bytes // CHECK_BYTES_PER_S, settings.check_cpu_s)


def limit_reader(settings: Settings, seconds: int, original: int) -> None:
    """Limit the copy of a process that reads an upload; it dies with the original."""
    _die_with(original)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_NOFILE, CHECK_FILES)
    _limit(resource.RLIMIT_DATA, settings.check_memory_bytes)
    _limit(resource.RLIMIT_FSIZE, 0)


def _step_back(nice: int) -> None:
    """Leave the processor to others.

    Linux may share it out among sessions first (autogroups, sched(7)): niceness then counts
    inside a session only, and this process leads one of its own, whose niceness is set beside.
    """
    own = os.nice(nice)
    with suppress(OSError):
        AUTOGROUP.write_text(str(own), "utf-8")


def _die_with(parent: int) -> None:
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
