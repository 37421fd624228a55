"""Attempts as child processes of this machine's supervisor.

Each child leads a session of its own, so that a stop reaches everything it started. It limits
itself before it does anything else (`falcon_svc.pipeline.limits`): it is killed by the kernel when
its supervisor dies, runs at a low priority, with few threads and, if asked, little memory. A stop
is SIGKILL: whatever was written is in checkpoints and in the database, both of which survive it,
and a polite signal would only make cancelling slow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from falcon_svc.engines.base import Ended, Task
from falcon_svc.settings import Settings

WORKER = "falcon_svc.pipeline.worker"
STOP_S = 3.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class LocalEngine:
    """Child processes, at most `settings.slots` at once.

    Parameters
    ----------
    settings
        Slots and limits; children read the same settings from the environment.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[Task, subprocess.Popen[bytes]] = {}

    @property
    def free(self) -> int:
        """Slots that are not taken."""
        return self._settings.slots - len(self._children)

    @property
    def tasks(self) -> frozenset[Task]:
        """What is at work."""
        return frozenset(self._children)

    def start(self, task: Task) -> None:
        """Start a child; it finds everything else in the database."""
        self._children[task] = subprocess.Popen(
            [sys.executable, "-m", WORKER, task.kind, task.id, str(task.number), str(os.getpid())],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self, task: Task) -> None:
        """Kill a child and all that it started."""
        child = self._children.pop(task, None)
        if child is None:
            return
        _kill(child)
        child.wait(STOP_S)

    def ended(self) -> list[Ended]:
        """Reap children that have exited, and what they left running."""
        gone = {task: child for task, child in self._children.items() if child.poll() is not None}
        for task, child in gone.items():
            _kill(child)
            del self._children[task]
        return [Ended(task, child.returncode) for task, child in gone.items()]

    def close(self) -> None:
        """Kill all children."""
        for task in list(self._children):
            self.stop(task)

    def _environment(self) -> dict[str, str]:
        threads = {name: str(self._settings.worker_threads) for name in _THREADS}
        chosen = self._settings.model_dump(mode="json", exclude_none=True)
        own = {f"FALCON_{name.upper()}": str(value) for name, value in chosen.items()}
        return {**os.environ, **own, **threads}


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
