"""The port to whatever runs attempts: start, stop, what is at work, and what has ended.

An engine is asked again and again by one supervisor and remembers nothing that matters: killed
with it, the next one tells from what it finds which tasks are still at work. Local children die
with their supervisor, submissions to a cluster do not; who asks `is_gone` need not know which.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import Protocol

from falcon_svc.settings import Settings

WORKER, WARM = "falcon_svc.worker.main", "falcon_svc.worker.warm"
TITLES = "falcon_svc.worker.process_title"
"""Modules that tasks run, and that a process which stands by for them loads; known by name only."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that tell the numerical libraries how many threads to use."""


@dataclass(frozen=True)
class Task:
    """Work for one process: an attempt at a job, or the check of a data set (number 0).

    Parameters
    ----------
    kind, id, number
        What it is: two tasks are the same if these are. Attempts count from 1.
    device
        ``cuda`` needs a GPU, ``auto`` takes one if it can, ``cpu`` never sees one.

    Examples
    --------
    >>> from falcon_svc.engines import Task
    >>> Task("job", "job_01", 1, device="cuda") == Task("job", "job_01", 1)
    True
    """

    kind: str
    id: str
    number: int = 0
    device: str = field(default="cpu", compare=False)


@dataclass(frozen=True)
class Ended:
    """A task that has ended by itself.

    Parameters
    ----------
    task
        What it was.
    exit_code
        As in `subprocess`: 0 = done, below 0 = a signal; None if it has none, because its machine
        was lost.
    began
        Whether it did: a cluster may have had no room for it in time.
    out_of_memory
        Whether the kernel killed it for lack of memory.

    Examples
    --------
    >>> from falcon_svc.engines import Ended, Task
    >>> Ended(Task("job", "job_01", 1), exit_code=-9, out_of_memory=True).began
    True
    """

    task: Task
    exit_code: int | None
    began: bool = True
    out_of_memory: bool = False


class Engine(Protocol):
    """Runs tasks in processes that can be stopped at any time."""

    @property
    def name(self) -> str:
        """Whose attempts these are; the same for a supervisor that takes over after a restart."""
        ...

    @property
    def tasks(self) -> frozenset[Task]:
        """What is at work here, or may be."""
        ...

    @property
    def waiting(self) -> frozenset[Task]:
        """Tasks that have not begun, so that nothing can be heard from them."""
        ...

    def devices(self) -> frozenset[str]:
        """Return the devices that a task may ask for: all but those that it can never get."""
        ...

    def make_way(self, *, needed: bool) -> None:
        """Leave the processor to others, or take an equal share of it again.

        Parameters
        ----------
        needed
            Whether others need the processor now.
        """
        ...

    def has_room(self, device: str) -> bool:
        """Whether one more task for this device may start now.

        Parameters
        ----------
        device
            "auto", "cpu" or "cuda".

        Returns
        -------
        bool
            True = `start` may be called.
        """
        ...

    def start(self, task: Task) -> None:
        """Start a task that was never started before.

        Parameters
        ----------
        task
            Job, attempt and device.
        """
        ...

    def stop(self, task: Task) -> None:
        """Ask for a task's end; asking again does no harm, `is_gone` tells when it has come.

        Parameters
        ----------
        task
            One that was started.
        """
        ...

    def is_gone(self, task: Task) -> bool:
        """Whether it is certain that no process works on a task.

        Parameters
        ----------
        task
            One that was started.

        Returns
        -------
        bool
            False where it is not certain.
        """
        ...

    def ended(self) -> list[Ended]:
        """Look, and return the tasks that have ended by themselves since the last call."""
        ...

    def close(self) -> None:
        """Stop what must not outlive this process."""
        ...


def installation(settings: Settings) -> str:
    """Return the random name of a data directory, made at first use."""
    path = settings.data_dir / "installation"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(8))
    return path.read_text()
