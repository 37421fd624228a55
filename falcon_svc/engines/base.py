"""The port to whatever runs attempts: start, stop, and what has ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Task:
    """Work for one process: an attempt at a job, or the check of a data set (number 0)."""

    kind: str
    id: str
    number: int = 0


@dataclass(frozen=True)
class Ended:
    """A process that has ended by itself.

    Parameters
    ----------
    task
        What it worked on.
    exit_code
        As of `subprocess`: negative for a signal.
    """

    task: Task
    exit_code: int


class Engine(Protocol):
    """Runs tasks in processes that can be stopped at any time."""

    @property
    def free(self) -> int:
        """How many more tasks may start now."""
        ...

    @property
    def tasks(self) -> frozenset[Task]:
        """What is at work here."""
        ...

    def start(self, task: Task) -> None:
        """Start a process for a task."""
        ...

    def stop(self, task: Task) -> None:
        """Let a task's processes be gone when this returns; nothing happens if they are."""
        ...

    def ended(self) -> list[Ended]:
        """Return the tasks that have ended since the last call."""
        ...

    def close(self) -> None:
        """Stop everything."""
        ...
