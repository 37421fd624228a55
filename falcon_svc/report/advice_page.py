"""The report on advice: would finer labels pay? One HTML page, as the others are.

Place: beside `page`; it draws what `falcon_svc.hierarchy.advice` found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcon_svc.report import hierarchy_figures
from falcon_svc.report.page import POLICY
from falcon_svc.report.rendering import render

if TYPE_CHECKING:  # it loads torch
    from falcon_svc.hierarchy.advice import Advice, Comparison, Difference

TITLES = {
    "helps": "Finer labels help",
    "does not": "Finer labels do not help",
    "cannot tell": "It cannot be told yet whether finer labels help",
}


@dataclass(frozen=True)
class Line:
    """A difference as a line of a table: its word, points, and places of its marks.

    `left`, `width`, `zero` and `mean` are percent of the range of all lines.
    """

    name: str
    word: str
    points: tuple[float, float, float]
    left: float
    width: float
    zero: float
    mean: float


def render_advice_report(advice: Advice, text: str) -> str:
    """Return the page.

    Parameters
    ----------
    advice
        What was found.
    text
        The same in sentences, a line each.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    With what `falcon_svc.hierarchy.advise` found::

        from falcon_svc.report import render_advice_report

        page = render_advice_report(advice, "Finer labels help.")
    """
    own = [one for one in advice.comparisons if one.labels == advice.labels]
    last = max((one for one in own if one.hidden == advice.hidden), key=lambda one: one.share)
    return render(
        "advice.html",
        policy=POLICY,
        title=TITLES[advice.verdict.word],
        found=advice,
        last=last,
        sentences=text.splitlines(),
        accuracies=hierarchy_figures.learning_curves(own),
        gains=hierarchy_figures.gain_curves(own),
        classes=class_lines(last, advice.per_class),
        comparisons=[_row(one) for one in advice.comparisons],
    )


def class_lines(last: Comparison, words: Mapping[str, str]) -> list[Line]:
    """Return a line per coarse class, the largest gain first."""
    every = sorted(last.per_class.items(), key=lambda pair: -pair[1].mean)
    low, high = _range([gain for _, gain in every])
    return [_line(name, words[name], gain, low, high) for name, gain in every]


def _range(gains: Sequence[Difference]) -> tuple[float, float]:
    """Return the least and the largest end of any interval, with 0 inside."""
    low = min([0.0, *(gain.low for gain in gains)])
    high = max([0.0, *(gain.high for gain in gains)])
    return low, max(high, low + 1e-9)


def _line(name: str, word: str, gain: Difference, low: float, high: float) -> Line:
    def place(value: float) -> float:
        return 100 * (value - low) / (high - low)

    points = (100 * gain.mean, 100 * gain.low, 100 * gain.high)
    width = place(gain.high) - place(gain.low)
    return Line(name, word, points, place(gain.low), width, place(0.0), place(gain.mean))


def _row(one: Comparison) -> tuple[str, ...]:
    head = f"{one.hidden} hidden units" if one.hidden else "linear"
    gain = one.overall
    change = f"{100 * gain.mean:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
    accuracies = (f"{100 * value:.1f}" for value in (one.coarse_accuracy, one.fine_accuracy))
    return (one.labels, head, f"{one.n_train:,}", *accuracies, change)
