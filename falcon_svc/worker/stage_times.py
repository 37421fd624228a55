"""Seconds and memory of the stages of work that does not time itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from falcon_svc.pipeline.record import peak_rss_bytes
from falcon_svc.progress import Progress


class StageTimes:
    """Times stages and passes progress on; a stage ends where the next one begins.

    Parameters
    ----------
    told
        Told of every stage and step.
    """

    def __init__(self, told: Progress) -> None:
        self._told = told
        self._name, self._began = "", 0.0
        self._stages: list[dict[str, Any]] = []

    def stage(self, name: str, total: int) -> None:
        """A stage begins."""
        self._close()
        self._name, self._began = name, time.perf_counter()
        self._told.stage(name, total)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Some of it is done."""
        self._told.advance(done, metrics)

    def summary(self) -> dict[str, Any]:
        """Return `seconds` and `stages`; the last stage ends here."""
        self._close()
        seconds = sum(stage["seconds"] for stage in self._stages)
        return {"seconds": seconds, "stages": self._stages}

    def measured(self) -> dict[tuple[str, str], float]:
        """Return the seconds of each stage, for the measures of all jobs."""
        return {("stage_seconds", one["name"]): one["seconds"] for one in self._stages}

    def _close(self) -> None:
        if self._name:
            seconds = time.perf_counter() - self._began
            memory = {"peak_rss_bytes": peak_rss_bytes()}
            self._stages.append({"name": self._name, "seconds": seconds, **memory})
        self._name = ""
