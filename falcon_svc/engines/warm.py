"""Processes that are there at once: copies of one that has loaded all that jobs need.

Loading torch, the solver and the rest takes longer than a small job. A process that has done so
stands by (`multiprocessing`'s fork server, which loads `WARM`), and each task is a copy of it;
copies share its memory until they write. While it loads, jobs wait for it; where it has died, tasks
start as processes of their own, as they would without it.

What could be unsafe to copy is kept out of it: it has one thread (the numerical libraries get
theirs in the copy) and never sees a GPU, so that tasks with one are processes of their own too. It
ends with the supervisor, and its copies with it.
Source: docs.python.org, "multiprocessing", contexts and start methods.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from multiprocessing import forkserver, get_context, parent_process
from multiprocessing.context import ForkServerProcess
from typing import Protocol

from falcon_svc.engines.base import THREADS, TITLES, WARM

_log = logging.getLogger(__name__)
_context = get_context("forkserver")


class Child(Protocol):
    """What the local engine needs to know of a child process."""

    @property
    def pid(self) -> int:
        """Process id; the child leads a session of the same number."""
        ...

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        ...

    def wait(self, timeout: float) -> int:
        """Return the exit code, or raise TimeoutError."""
        ...


class Copy:
    """A copy of the process that stands by, at work on one task.

    Parameters
    ----------
    process
        As it was started.
    """

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid or 0

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Return the exit code, or raise TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError
        return self._process.exitcode


class StandBy:
    """The process that stands by, and whether it can be copied now.

    A first copy of it waits as long as the supervisor lives: it is there once the process is ready,
    and counts as gone once that is.

    Parameters
    ----------
    loads
        Module that it imports: this loads all that is needed, and has the process's id as `SERVER`.

    Examples
    --------
    A process that loads torch once, and is copied for each attempt::

        stand_by = StandBy()
        stand_by.start()
        engine = open_engine(Settings(), stand_by)
    """

    def __init__(self, loads: str = WARM) -> None:
        self._loads = loads
        self._watchman: ForkServerProcess | None = None
        self._ready, self._loading = threading.Event(), threading.Event()

    def start(self) -> None:
        """Let it load, or load again if it has died; returns at once."""
        _context.set_forkserver_preload([TITLES, self._loads])
        forkserver.ensure_running()  # in this thread, with which it dies
        self._ready.clear()
        self._loading.set()
        self._watchman = _context.Process(target=_wait, args=(self._loads,), daemon=True)
        threading.Thread(target=self._await, args=(self._watchman,), daemon=True).start()

    def _await(self, watchman: ForkServerProcess) -> None:
        try:
            watchman.start()  # comes back once the process has loaded
            self._ready.set()
        except (OSError, EOFError):
            _log.warning("no process stands by; tasks start as processes of their own")
        finally:
            self._loading.clear()

    @property
    def is_loading(self) -> bool:
        """Whether it will be ready soon: sooner than a process that begins to load now."""
        return self._loading.is_set()

    def is_ready(self) -> bool:
        """Return whether it can be copied at once; one that has died is started again.

        Returns
        -------
        bool
            False while it is loading.
        """
        if not self._ready.is_set() or self._watchman is None:
            return False
        if self._watchman.is_alive():
            return True
        _log.warning("the process that stood by has died; another one is started")
        self.start()
        return False

    def copy(self, worker: str, words: tuple[str, ...], environment: dict[str, str]) -> Copy:
        """Return a copy at work.

        Parameters
        ----------
        worker
            Module whose `main` is called with the words and the id of the process that was copied.
        words
            Kind, id and number of the task.
        environment
            Environment of the copy, beside what it inherits.

        Returns
        -------
        Copy
            The process that works.
        """
        process = _context.Process(target=_work, args=(self._loads, worker, words, environment))
        process.start()
        return Copy(process)

    def close(self) -> None:
        """End the first copy; the process itself ends with this one."""
        if self._ready.is_set() and self._watchman is not None:
            self._watchman.kill()
            self._watchman.join()


def _wait(loads: str) -> None:
    _begin(loads, "stands by", {})
    supervisor = parent_process()
    if supervisor is not None:
        supervisor.join()


def _work(loads: str, worker: str, words: tuple[str, ...], environment: dict[str, str]) -> None:
    """Do a task, as `python -m WORKER WORDS PARENT` would."""
    parent = _begin(loads, f"python -m {worker} {' '.join(words)}", environment)
    _use_threads(int(environment[THREADS[0]]))
    module = importlib.import_module(worker)
    sys.exit(module.main([*words, str(parent)]))


def _begin(loads: str, title: str, environment: dict[str, str]) -> int:
    """Make this copy a process of its own; return the id of the one that it is a copy of."""
    setproctitle = importlib.import_module(TITLES).setproctitle

    parent = importlib.import_module(loads).SERVER
    os.setsid()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.update(environment)
    setproctitle(f"{title} {parent}")
    return int(parent)


def _use_threads(number: int) -> None:
    """Give the numerical libraries, loaded with one thread, those that the task may use."""
    if number > 1:
        import torch
        from threadpoolctl import threadpool_limits

        torch.set_num_threads(number)
        threadpool_limits(number)
