"""Attempts as child processes of this machine's supervisor.

Each child leads a session of its own, so that a stop reaches everything it started. It limits
itself before it does anything else (`falcon_svc.worker.limits`): it is killed by the kernel when
its supervisor dies, runs with few threads and, if asked, little memory. A stop
is SIGKILL: whatever was written is in checkpoints and in the database, both of which survive it,
and a polite signal would only make cancelling slow. A child that may use a GPU sees one that no
other child has; every other child sees none. Children without a GPU are copies of a process that
stands by, where there is one (`warm`).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from falcon_svc.engines.base import THREADS, WORKER, Ended, Task, installation
from falcon_svc.engines.gpus import VISIBLE, gpu_names
from falcon_svc.engines.priority import set_nice
from falcon_svc.engines.warm import Child, StandBy
from falcon_svc.settings import Settings

STOP_S = 3.0
VMSTAT = Path("/proc/vmstat")


class LocalEngine:
    """Child processes, at most `settings.slots` at once.

    Parameters
    ----------
    settings
        Slots and limits; children read the same settings from the environment.
    worker
        Module that a child runs.
    stand_by
        What children without a GPU are copies of, once it is ready.
    patient
        Whether tasks wait while that loads: those that would have to load as much.

    Examples
    --------
    >>> from falcon_svc.engines import LocalEngine
    >>> from falcon_svc.settings import Settings
    >>> engine = LocalEngine(Settings(slots=2))
    >>> engine.tasks, engine.ended()
    (frozenset(), [])
    >>> engine.close()
    """

    def __init__(
        self,
        settings: Settings,
        *,
        worker: str = WORKER,
        stand_by: StandBy | None = None,
        patient: bool = False,
    ) -> None:
        self._settings, self._worker, self._stand_by = settings, worker, stand_by
        self._patient = patient
        self._children: dict[Task, Child] = {}
        self._nice: dict[Task, int] = {}
        self._oom_kills: dict[Task, int] = {}
        self._gpus = gpu_names(settings)
        self._gpu_of: dict[Task, str] = {}

    @property
    def name(self) -> str:
        """Machine and data directory: children run where their supervisor does."""
        return f"{socket.gethostname()[:40]}:{installation(self._settings)}"

    @property
    def tasks(self) -> frozenset[Task]:
        """What is at work."""
        return frozenset(self._children)

    @property
    def waiting(self) -> frozenset[Task]:
        """None: a child begins at once."""
        return frozenset()

    def devices(self) -> frozenset[str]:
        """All, or all but cuda where there is no GPU."""
        return frozenset({"auto", "cpu", "cuda"} if self._gpus else {"auto", "cpu"})

    def has_room(self, device: str) -> bool:
        """Whether a slot is free, and a GPU where one is needed and there are some.

        There is no room while what stands by is loading, if tasks are to wait for it.
        """
        if self._patient and self._stand_by is not None and self._stand_by.is_loading:
            return False
        lacks_gpu = device == "cuda" and self._gpus and not self._free_gpus()
        return len(self._children) < self._settings.slots and not lacks_gpu

    def start(self, task: Task) -> None:
        """Start a child; it finds everything else in the database."""
        free = [] if task.device == "cpu" else self._free_gpus()
        if free:
            self._gpu_of[task] = free[0]
        self._oom_kills[task] = oom_kills()
        self._children[task] = self._child(task)

    def _child(self, task: Task) -> Child:
        words = (task.kind, task.id, str(task.number))
        told = self._told(self._gpu_of.get(task, ""))
        if self._stand_by is not None and task not in self._gpu_of and self._stand_by.is_ready():
            return self._stand_by.copy(self._worker, words, told)
        return subprocess.Popen(
            [sys.executable, "-m", self._worker, *words, str(os.getpid())],
            env={**os.environ, **told},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def make_way(self, *, needed: bool) -> None:
        """Set the niceness of the children that do not have it yet."""
        nice = self._settings.worker_nice if needed else 0
        for task, child in self._children.items():
            if self._nice.get(task, 0) != nice and set_nice(child.pid, nice):
                self._nice[task] = nice

    def stop(self, task: Task) -> None:
        """Kill a child and all that it started, and wait for it a little."""
        child = self._children.get(task)
        if child is None:
            return
        _kill(child)
        try:
            child.wait(STOP_S)
        except (subprocess.TimeoutExpired, TimeoutError):
            return
        self._forget(task)

    def is_gone(self, task: Task) -> bool:
        """Whether there is no child for it: those of earlier supervisors died with them."""
        return task not in self._children

    def ended(self) -> list[Ended]:
        """Reap children that have exited, and what they left running."""
        gone = {task: child for task, child in self._children.items() if child.poll() is not None}
        found = []
        for task, child in gone.items():
            _kill(child)
            code = child.poll()
            killed = code == -signal.SIGKILL and oom_kills() > self._oom_kills[task]
            found.append(Ended(task, code, out_of_memory=killed))
            self._forget(task)
        return found

    def close(self) -> None:
        """Kill all children."""
        for task in list(self._children):
            self.stop(task)

    def _free_gpus(self) -> list[str]:
        taken = self._gpu_of.values()
        return [name for name in self._gpus if name not in taken]

    def _forget(self, task: Task) -> None:
        del self._children[task], self._oom_kills[task]
        self._nice.pop(task, None)
        self._gpu_of.pop(task, None)

    def _told(self, gpu: str) -> dict[str, str]:
        """Return what is in a child's environment beside what is in this process's."""
        threads = dict.fromkeys(THREADS, str(self._settings.worker_threads))
        return {**self._settings.environment(), **threads, VISIBLE: gpu}


def oom_kills() -> int:
    """Return how often this kernel has killed for lack of memory; 0 where it does not tell."""
    try:
        lines = VMSTAT.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _kill(child: Child) -> None:
    """Kill a child with its session, also where it has not made one of its own yet."""
    ended = child.poll() is not None
    for kill in (os.killpg,) if ended else (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(child.pid, signal.SIGKILL)
