"""Plots of hierarchical classifiers and of advice on finer labels.

Place: beside `figures`, on the same canvas; drawn for `classifier_page` and `advice_page`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from falcon_svc.report.canvas import SMALL, WIDE, as_picture, canvas
from falcon_svc.report.picture import Picture
from falcon_svc.result.plots import ACCENT, GREY, Axes
from falcon_svc.result.words import PALETTE

if TYPE_CHECKING:  # they load torch and scipy
    from falcon_svc.hierarchy.advice import Comparison
    from falcon_svc.hierarchy.diagrams import Diagrams
    from falcon_svc.hierarchy.metrics import OperatingCurve, Reliability, RiskCoverage

SECOND = PALETTE[1]
MOST_LEVELS = 8
"""Levels with a panel of their own; deeper ones are few samples each."""


def operating_plot(curve: OperatingCurve) -> Picture:
    """Return precision and correctness over recall: what a threshold buys and costs."""
    with canvas(2 * SMALL[0], 1.25 * SMALL[1]) as (figure, [axes]):
        axes.plot(curve.recall, curve.precision, color=ACCENT, lw=1.6, label="precision")
        axes.plot(curve.recall, curve.correct, color=SECOND, lw=1.6, ls="--", label="correct")
        for share in (0.9, 0.95):
            axes.axhline(share, color=GREY, lw=0.6, alpha=0.5)
        low = float(min(curve.correct.min(), curve.precision.min()))
        axes.set(xlabel="recall: share of the label's information that is told", xlim=(0, 1))
        axes.set(ylabel="share", ylim=(max(0.0, low - 0.05), 1.01))
        axes.legend(frameon=False, loc="lower left")
        return as_picture(figure, "Precision and share of correct predictions over recall")


def risk_plot(drawn: Diagrams) -> Picture:
    """Return risk over coverage, of climbing and of silence."""
    with canvas(2 * SMALL[0], 1.25 * SMALL[1]) as (figure, [axes]):
        if drawn.climbing is not None:
            _risk(axes, drawn.climbing, ACCENT, "-", "climbs to a broader class")
        _risk(axes, drawn.abstaining, SECOND, "--", "best leaf, or silence")
        axes.set(xlabel="coverage: how much is still told", ylabel="risk: share that is wrong")
        axes.set(xlim=(0, 1), ylim=(0, None))
        axes.legend(frameon=False, loc="upper left")
        return as_picture(figure, "Risk over coverage, where the unsure climb or are left out")


def _risk(axes: Axes, curve: RiskCoverage, color: str, style: str, name: str) -> None:
    label = f"{name} (area {curve.area:.3f})"
    axes.plot(curve.coverage, curve.risk, color=color, ls=style, lw=1.6, label=label)


def reliability_plot(found: Reliability) -> Picture | None:
    """Return a panel per level: how often its best class is right, by its probability."""
    levels = [j for j in range(len(found.counts)) if found.counts[j].any()][:MOST_LEVELS]
    if not levels:
        return None
    with canvas(*_panels(len(levels))) as (figure, panels):
        for panel, level in zip(panels, levels, strict=True):
            _reliability(panel, found, level)
        return as_picture(figure, "Accuracy over confidence, a panel for each level")


def _panels(n: int) -> tuple[float, float, int, int]:
    """Return width, height, panels and columns of n panels, four in a row."""
    columns = min(4, n)
    return WIDE, 2.5 * -(-n // columns), n, columns


def _reliability(axes: Axes, found: Reliability, level: int) -> None:
    counts, n_bins = found.counts[level], found.counts.shape[1]
    middles = (np.arange(n_bins) + 0.5) / n_bins
    axes.bar(middles, counts / counts.sum(), 0.9 / n_bins, color=GREY, alpha=0.35, lw=0)
    axes.plot((0, 1), (0, 1), color=GREY, lw=0.8, ls=":")
    axes.plot(found.confidence[level], found.accuracy[level], color=ACCENT, marker="o", ms=3)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="probability", ylabel="share right")
    axes.set_title(f"level {level + 1}: off by {100 * found.error[level]:.1f} points")


def loss_plot(losses: Sequence[float]) -> Picture | None:
    """Return the training loss over the epochs; None where there are not two."""
    if len(losses) < 2:
        return None
    with canvas(*SMALL) as (figure, [axes]):
        axes.plot(range(1, len(losses) + 1), losses, color=ACCENT, lw=1.4)
        axes.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
        return as_picture(figure, "Training loss over the epochs")


def learning_curves(comparisons: Sequence[Comparison]) -> Picture:
    """Return, for every head, coarse accuracy over training rows with and without finer labels.

    Parameters
    ----------
    comparisons
        With one kind of finer labels.
    """
    heads = sorted({one.hidden for one in comparisons})
    with canvas(*_panels(len(heads))) as (figure, panels):
        for panel, hidden in zip(panels, heads, strict=True):
            _accuracies(panel, [one for one in comparisons if one.hidden == hidden])
            panel.set_title(f"{hidden} hidden units" if hidden else "linear head")
        panels[0].legend(frameon=False)
        return as_picture(figure, "Coarse accuracy over training rows, for every head")


def gain_curves(comparisons: Sequence[Comparison]) -> Picture:
    """Return, for every head, the change of coarse accuracy by finer labels, with its interval."""
    heads = sorted({one.hidden for one in comparisons})
    with canvas(*_panels(len(heads))) as (figure, panels):
        for panel, hidden in zip(panels, heads, strict=True):
            _gains(panel, [one for one in comparisons if one.hidden == hidden])
            panel.set_title(f"{hidden} hidden units" if hidden else "linear head")
        return as_picture(figure, "Change of coarse accuracy by finer labels, for every head")


def _accuracies(axes: Axes, curve: Sequence[Comparison]) -> None:
    ordered = sorted(curve, key=lambda one: one.n_train)
    rows = [one.n_train for one in ordered]
    coarse = [one.coarse_accuracy for one in ordered]
    fine = [one.fine_accuracy for one in ordered]
    axes.plot(rows, coarse, color=GREY, ls="--", marker="s", ms=3, label="coarse labels")
    axes.plot(rows, fine, color=ACCENT, marker="o", ms=3, label="finer labels")
    axes.set(xlabel="training rows", ylabel="coarse accuracy")
    _count_axis(axes, rows)


def _gains(axes: Axes, curve: Sequence[Comparison]) -> None:
    ordered = sorted(curve, key=lambda one: one.n_train)
    rows = [one.n_train for one in ordered]
    points = [100 * one.overall.mean for one in ordered]
    low = [100 * one.overall.low for one in ordered]
    high = [100 * one.overall.high for one in ordered]
    axes.axhline(0, color=GREY, lw=0.8)
    axes.fill_between(rows, low, high, color=ACCENT, alpha=0.18, lw=0)
    axes.plot(rows, points, color=ACCENT, marker="o", ms=3)
    axes.set(xlabel="training rows", ylabel="change in points")
    _count_axis(axes, rows)


def _count_axis(axes: Axes, rows: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(rows, [f"{n:,}" for n in rows])
    axes.minorticks_off()
