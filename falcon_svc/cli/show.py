"""Progress on stderr: a live bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from falcon_svc.progress import Progress, Silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

SAMPLE_STAGES = ("training",)
"""Stages counted in epochs, whose speed is told in samples/s: epochs/s times N."""
SHOWN_METRICS = ("loss", "changed")
SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress(n_samples: int, *, quiet: bool) -> Iterator[Progress]:
    """Yield the progress that suits stderr, and let the program's log go there too."""
    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        with _bars() as bars, _logged(bars.console.print):
            yield BarProgress(bars, n_samples)
    else:
        with _logged(_line):
            yield LineProgress(n_samples)


class Pace:
    """Seconds, speed and time left of one stage.

    Parameters
    ----------
    name
        The stage.
    total
        Its units.
    n_samples
        N, by which epochs become samples.
    """

    def __init__(self, name: str, total: int, n_samples: int) -> None:
        self.name, self.total = name, total
        self.weight = n_samples if name in SAMPLE_STAGES else 1
        self.unit = "samples/s" if self.weight > 1 else "/s"
        self.began = time.monotonic()

    def words(self, done: int, metrics: Mapping[str, float]) -> str:
        """Return speed, time left and the metrics worth showing."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        parts = [f"{done * self.weight / seconds:,.0f} {self.unit}"] if done else []
        if 0 < done < self.total:
            parts.append(f"{seconds / done * (self.total - done):.0f} s left")
        parts += [f"{key} {metrics[key]:.3g}" for key in SHOWN_METRICS if key in metrics]
        return ", ".join(parts)


class LineProgress:
    """A line per stage and every few seconds, for logs."""

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        self._pace = Pace("start", 0, n_samples)
        self._last = 0.0

    def stage(self, name: str, total: int) -> None:
        """Print the stage's name."""
        self._pace = Pace(name, total, self._n_samples)
        self._last = self._pace.began
        _line(name)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Print a line at the end and at most every five seconds."""
        now, pace = time.monotonic(), self._pace
        if done >= pace.total or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            _line(f"{pace.name} {done:,}/{pace.total:,}: {pace.words(done, metrics)}")


class BarProgress:
    """One live bar per stage."""

    def __init__(self, bars: Bars, n_samples: int) -> None:
        self._bars, self._n_samples = bars, n_samples
        self._pace = Pace("start", 0, n_samples)
        self._task = bars.add_task("", total=0, words="", visible=False)

    def stage(self, name: str, total: int) -> None:
        """Begin a bar."""
        self._pace = Pace(name, total, self._n_samples)
        self._task = self._bars.add_task(name, total=total, words="")

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Move the bar."""
        words = self._pace.words(done, metrics)
        self._bars.update(self._task, completed=done, words=words)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        console=Console(stderr=True),
    )


def _line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _logged(write: object) -> Iterator[None]:
    """Show the package's log, from INFO up, while a run is shown."""
    handler, logger = _Handler(write), logging.getLogger("falcon_svc")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Handler(logging.Handler):
    def __init__(self, write: object) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        assert callable(self._write)
        self._write(f"note: {record.getMessage()}")
