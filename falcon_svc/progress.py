"""How long work tells of itself: stages, and how much of each is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

THOUSANDTHS = 1_000
"""Total of a stage that has no units of its own: it tells thousandths of its work."""

TAKEN_OVER = "taken_over"
"""Among the numbers to show: units that an earlier attempt did, off which no pace is read."""


def seconds_left(
    seconds: float, done: int, total: int, metrics: Mapping[str, float]
) -> float | None:
    """Return the time left in a stage, by the pace since it began; None where that says nothing.

    Parameters
    ----------
    seconds : float
        Since the stage began.
    done, total, metrics
        As told.

    Examples
    --------
    >>> seconds_left(10.0, 20, 100, {})
    40.0
    >>> seconds_left(10.0, 80, 100, {TAKEN_OVER: 60})
    10.0
    """
    own = done - metrics.get(TAKEN_OVER, 0)
    return seconds / own * (total - done) if own > 0 and total > 0 else None


def taken_over(units: int) -> dict[str, float]:
    """Return what is told beside progress where an earlier attempt did `units` of a stage.

    Examples
    --------
    >>> taken_over(60), taken_over(0)
    ({'taken_over': 60}, {})
    """
    return {TAKEN_OVER: units} if units > 0 else {}


class Progress(Protocol):
    """Receives what a run is doing; calls may raise to cancel the run."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of `total` units: images, rows, views or epochs."""
        ...

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Tell that `done` units of the present stage are done, with numbers to show."""
        ...


class Silent:
    """Tells nobody."""

    def stage(self, name: str, total: int) -> None:
        """Ignore."""

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Ignore."""
