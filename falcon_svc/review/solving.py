"""One re-solve at a time for each review, in a process of its own that can be ended at any time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from falcon_svc.errors import FalconError

CRASHED = "The re-solve ended without an answer; the review is as it was, so start it again."


class BusyError(FalconError):
    """A re-solve is at work already."""

    code = "resolve_running"


@dataclass
class Solving:
    """A re-solve and how far it is.

    Attributes
    ----------
    state : str
        "none", "running", "succeeded", "failed" or "cancelled".
    progress : dict
        ``stage``, ``done``, ``total``.
    answer : dict
        ``revision`` and ``diff``, or ``error``.
    """

    state: str = "none"
    progress: dict[str, Any] = field(default_factory=lambda: {"stage": "", "done": 0, "total": 0})
    answer: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        empty = {"revision": None, "diff": None, "error": None}
        return {"state": self.state, **self.progress, **empty, **self.answer}


class Solver:
    """Starts, follows and cancels re-solves.

    Parameters
    ----------
    result, review : Path
        Folders.
    on_end : callable
        Called once a re-solve has ended, from another thread.
    """

    def __init__(self, result: Path, review: Path, on_end: Callable[[], None]) -> None:
        self._result, self._review, self._on_end = result, review, on_end
        self._lock = threading.Lock()
        self.current = Solving()

    def start(self, *, head: str, author: str, reason: str, seed: int) -> Solving:
        """Begin a re-solve on top of a revision.

        Raises
        ------
        BusyError
            One is at work.
        """
        with self._lock:
            if self.current.state == "running":
                raise BusyError("A re-solve is at work already; wait for it, or cancel it first.")
            command = [sys.executable, "-m", "falcon_svc.review.child"]
            command += [str(self._result), str(self._review), head, author, reason, str(seed)]
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
            )  # fmt: skip
            self.current = Solving("running", process=process)
            threading.Thread(target=self._follow, args=(self.current,), daemon=True).start()
            return self.current

    def cancel(self) -> Solving:
        """End the re-solve; the review is as it was."""
        with self._lock:
            if self.current.state == "running" and self.current.process is not None:
                self.current.state = "cancelled"
                self.current.process.kill()
            return self.current

    def _follow(self, solving: Solving) -> None:
        process = solving.process
        assert process is not None and process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                told = json.loads(line)
                if "stage" in told:
                    solving.progress = told
                else:
                    solving.answer = told
        process.wait()
        with self._lock:
            if "revision" in solving.answer:  # it was faster than a cancel
                solving.state = "succeeded"
            elif solving.state == "running":
                solving.state = "failed"
                crash = {"code": "resolve_crashed", "detail": CRASHED, "wishes": []}
                solving.answer.setdefault("error", crash)
        self._on_end()
