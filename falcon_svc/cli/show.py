"""Progress on stderr: a live bar on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from falcon_svc.progress import TAKEN_OVER, THOUSANDTHS, Progress, Silent, seconds_left

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

SPEED = "samples_per_s"
"""The metric by which a stage counted in epochs tells its speed."""
SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress(n_samples: int, *, quiet: bool) -> Iterator[Progress]:
    """Yield the progress that suits stderr, and let the program's log go there too."""
    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        with _bars() as bars, _logged(lambda text: bars.console.print(text, markup=False)):
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
        N; units of a stage that has N of them are samples.
    """

    def __init__(self, name: str, total: int, n_samples: int) -> None:
        self.name, self.total = name, total
        self.unit = "samples/s" if n_samples and total % n_samples == 0 and total else "steps/s"
        self.told = total != THOUSANDTHS and total > 1
        self.began = time.monotonic()

    def words(self, done: int, metrics: Mapping[str, float]) -> str:
        """Return speed, time left and the metrics worth showing."""
        seconds = max(time.monotonic() - self.began, 1e-6)
        parts = [f"{metrics[SPEED]:,.0f} samples/s"] if SPEED in metrics else []
        own = done - metrics.get(TAKEN_OVER, 0)
        if own > 0 and self.told and not parts:
            pace = own / seconds
            parts = [f"{pace:,.0f} {self.unit}" if pace >= 100 else f"{pace:.3g} {self.unit}"]
        left = seconds_left(seconds, done, self.total, metrics)
        if left is not None and done < self.total:
            parts.append(f"{left:.0f} s left")
        shown = (item for item in metrics.items() if item[0] not in (SPEED, TAKEN_OVER))
        return ", ".join([*parts, *(f"{key} {value:.3g}" for key, value in shown)])

    def part(self, done: int) -> str:
        """Return how much is done, of how much where that is known."""
        return f"{done:,}/{self.total:,}" if self.total else f"{done:,} steps"


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
        if done == pace.total > 1 or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            words = pace.words(done, metrics)
            _line(f"{pace.name} {pace.part(done)}" + (f": {words}" if words else ""))


class BarProgress:
    """One live bar per stage."""

    def __init__(self, bars: Bars, n_samples: int) -> None:
        self._bars, self._n_samples = bars, n_samples
        self._pace = Pace("start", 0, n_samples)
        self._task = bars.add_task("", total=0, words="", visible=False)

    def stage(self, name: str, total: int) -> None:
        """Begin a bar."""
        self._pace = Pace(name, total, self._n_samples)
        self._task = self._bars.add_task(name, total=total or None, words="")

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
def _logged(write: Callable[[str], None]) -> Iterator[None]:
    """Show the package's log, from INFO up, while a run is shown."""
    handler, logger = _Notes(write), logging.getLogger("falcon_svc")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Notes(logging.Handler):
    """Writes each message once: a step repeated many times tells the same each time."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write, self._seen = write, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._seen:
            self._seen.add(message)
            self._write(f"note: {message}")


def warn(sentences: Sequence[str]) -> None:
    """Print what a person should know before trusting a result."""
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)
