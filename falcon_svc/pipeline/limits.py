"""What a worker process does to itself before it reads anything: its end, its share, its limits.

A process that checks an upload is the first to touch bytes of a stranger; it gets little
processor time, little memory and few files besides.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

from falcon_svc.settings import Settings

CHECK_FILES = 256
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
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        sys.exit(1)
    os.nice(settings.worker_nice)
    _limit(resource.RLIMIT_CORE, 0)
    if kind == "check":
        _limit(resource.RLIMIT_CPU, settings.check_cpu_s)
        _limit(resource.RLIMIT_NOFILE, CHECK_FILES)
        _limit(resource.RLIMIT_DATA, settings.check_memory_bytes)
    elif settings.worker_memory_bytes is not None:
        _limit(resource.RLIMIT_DATA, settings.worker_memory_bytes)


def _limit(what: int, most: int) -> None:
    """Lower a limit, never raise it."""
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))
