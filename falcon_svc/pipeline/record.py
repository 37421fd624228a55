"""What a run records of itself: seconds and memory per stage, versions of what it used."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata

from falcon_svc import __version__
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.progress import Progress, taken_over
from falcon_svc.result.record import StageRecord

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "ortools", "faiss-cpu", "faiss-gpu")


class Recorder:
    """Times stages and passes progress on.

    Parameters
    ----------
    progress
        Told of every stage and step.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = _Watched(progress)
        self._records: list[StageRecord] = []
        self._epochs = 0

    @contextmanager
    def stage(self, name: str, *, total: int) -> Iterator[None]:
        """Time what happens inside; at its end all `total` units are done."""
        self.progress.stage(name, total)
        self._epochs, began = 0, time.perf_counter()
        yield
        if self.progress.name == name and self.progress.done < total:
            self.progress.advance(total, self.progress.metrics)
        self._records.append(StageRecord(name, time.perf_counter() - began, peak_rss_bytes()))

    def step(self) -> None:
        """One more step of the present stage is done."""
        self.progress.advance(self.progress.done + 1, {})

    def advance(self, done: int, earlier: int = 0) -> None:
        """So much of the present stage is done, and so much of that by an earlier attempt."""
        self.progress.advance(done, taken_over(earlier))

    def epoch(self, report: EpochReport) -> None:
        """One more epoch of the present stage is done."""
        self._epochs += 1
        metrics = {"neighbor_loss": report.neighbor_loss, "samples_per_s": report.samples_per_s}
        metrics |= taken_over(report.epoch - self._epochs)
        self.progress.advance(report.epoch, metrics)

    def records(self) -> tuple[StageRecord, ...]:
        """Return the stages so far."""
        return tuple(self._records)


class _Watched:
    """Passes progress on and knows what it told last."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.name, self.done, self.metrics = "", 0, dict[str, float]()

    def stage(self, name: str, total: int) -> None:
        self.name, self.done, self.metrics = name, 0, {}
        self._progress.stage(name, total)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        self.done, self.metrics = done, dict(metrics)
        self._progress.advance(done, metrics)


def peak_rss_bytes() -> int:
    """Return the process's peak resident memory; the kernel counts KiB, on macOS bytes.

    It is 0 on Windows, where Python cannot ask for it.
    """
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Return the versions of Python, this package and the packages results depend on."""
    found = {"python": platform.python_version(), "falcon-svc": __version__}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
