"""The report's plots, drawn by matplotlib to SVG that needs no other file.

Place: used by the sections. Backgrounds are clear and lines are mid-grey, so that a plot reads
on a light and on a dark page; points are rasterised, so that a map stays small.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.report.picture import Picture, data_uri
from falcon_svc.result.plots import (
    ACCENT,
    GREY,
    Axes,
    bare,
    colors,
    draw_sizes,
    map_data,
    parents_of,
)
from falcon_svc.result.record import Discovery, SourceRelation, TotalEstimate
from falcon_svc.result.words import shortened
from falcon_svc.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINT, DEEP = "#eceeef", "#1d4468"
SMALL, WIDE = (3.9, 2.6), 9.5  # inches; text is legible where a small one fills a third
MAX_PANELS, MAX_ROWS = 12, 60
MOST_CELLS = (500, 1_500)
NOT_LEARNT = ("epoch", "learning_rate", "samples_per_s", "seconds")
"""Recorded per epoch, but set beforehand or about the machine."""
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": GREY,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.linewidth": 0.7,
    "text.parse_math": False,  # a dollar in a label is a dollar
    "svg.fonttype": "none",
    "svg.hashsalt": "falcon",  # the same plot gives the same bytes
}


def size_plot(discovery: Discovery) -> Picture:
    """Return the sizes of all classes, largest first."""
    with _figure(*SMALL) as (figure, [axes]):
        draw_sizes(axes, discovery)
        return _picture(figure, "The fine classes' sizes, largest first")


def confidence_plot(discovery: Discovery) -> Picture:
    """Return how confident the assignments are."""
    confidence = discovery.assignments.confidence
    with _figure(*SMALL) as (figure, [axes]):
        weights = np.full(len(confidence), 100 / max(len(confidence), 1))
        axes.hist(confidence, np.linspace(0, 1, 41), weights=weights, color=ACCENT)
        axes.set(xlabel="confidence of a sample", ylabel="% of samples", xlim=(0, 1))
        return _picture(figure, "Histogram of the samples' confidence")


def size_confidence_plot(discovery: Discovery) -> Picture:
    """Return each class's mean confidence over its size."""
    with _figure(*SMALL) as (figure, [axes]):
        sizes = [max(fine.size, 1) for fine in discovery.classes]
        confidence = [fine.mean_confidence for fine in discovery.classes]
        axes.scatter(
            sizes, confidence, c=colors(parents_of(discovery)), s=14, lw=0, rasterized=True
        )
        axes.set(xlabel="samples in the class", ylabel="mean confidence", ylim=(0, 1.03))
        if max(sizes, default=1) > 8 * min(sizes, default=1):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        return _picture(figure, "Mean confidence of each fine class over its size")


def total_curve(total: TotalEstimate) -> Picture:
    """Return probability and stability over the number of fine classes."""
    with _figure(2 * SMALL[0], SMALL[1]) as (figure, [axes]):
        best = max(float(total.probability.max()), 1e-9)
        axes.axvspan(total.low, total.high, color=FAINT, lw=0)
        axes.axvline(total.n_fine, color=DEEP, lw=1)
        axes.plot(total.totals, total.probability / best, color=ACCENT, marker="o", ms=3)
        axes.plot(total.totals, total.stability, color=GREY, ls="--", lw=1)
        axes.set(xlabel="fine classes in all", ylabel="probability (scaled), stability")
        axes.set(xscale="log", ylim=(min(0, float(total.stability.min())), 1.05))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
        text = "Probability (line) and stability (dashes) of each number; the interval is shaded"
        return _picture(figure, text)


def class_maps(discovery: Discovery) -> Picture:
    """Return a small map per coarse class, coloured by fine class; the largest come first."""
    xy, coarse, fine = map_data(discovery)
    sizes = np.bincount(coarse[coarse >= 0], minlength=len(discovery.relations[0].coarse_names))
    largest = np.argsort(-sizes, kind="stable")[:MAX_PANELS]
    columns = min(4, len(largest))
    size = WIDE, 2.3 * -(-len(largest) // columns), len(largest), columns
    with _figure(*size, bare=True) as (figure, panels):
        for panel, k in zip(panels, largest, strict=True):
            _class_map(panel, xy, coarse == k, fine)
            panel.set_title(shortened(discovery.relations[0].coarse_names[k], 26))
        return _picture(figure, "The same map, one coarse class each, coloured by fine class")


def relation_heat_map(relation: SourceRelation) -> Picture:
    """Return fine by coarse classes: the parent, and how nearly another one would do."""
    from matplotlib.colors import LinearSegmentedColormap

    order = np.argsort(relation.relation.argmax(axis=1), kind="stable")
    closeness = _pooled(_closeness(relation)[order].T)
    rows = len(relation.coarse_names)
    with _figure(WIDE, 0.9 + min(max(0.2 * rows, 1.0), 9)) as (figure, [axes]):
        colors = LinearSegmentedColormap.from_list("closeness", (FAINT, ACCENT, DEEP))
        # "none" embeds the cells as they are: small, and drawn with sharp edges.
        axes.imshow(closeness, colors, vmin=0, vmax=1, aspect="auto", interpolation="none")
        bare(axes)
        if rows <= MAX_ROWS:
            axes.set_yticks(range(rows), [shortened(n, 24) for n in relation.coarse_names])
        axes.tick_params(length=0)
        axes.set_xlabel("fine classes, in the order of their parents")
        return _picture(figure, f"Heat map of the relation to {relation.source}")


def training_curves(history: Sequence[Mapping[str, float]]) -> Picture | None:
    """Return one small plot per metric that changes over the epochs; None = none does."""
    names = _changing(history)
    if not names:
        return None
    columns = min(4, len(names))
    with _figure(WIDE, 1.9 * -(-len(names) // columns), len(names), columns) as (figure, panels):
        for panel, name in zip(panels, names, strict=True):
            panel.plot([epoch.get(name, np.nan) for epoch in history], color=ACCENT, lw=1.4)
            panel.set_title(shortened(name.replace("_", " "), 26))
            panel.locator_params(nbins=4)
        return _picture(figure, f"Training curves of {', '.join(names)} over the epochs")


def _changing(history: Sequence[Mapping[str, float]]) -> list[str]:
    names = [name for name in (history[0] if history else {}) if name not in NOT_LEARNT]
    return [n for n in names if len({epoch.get(n) for epoch in history}) > 1][:MAX_PANELS]


def _closeness(relation: SourceRelation) -> FloatArray:
    """(F, C) in [0, 1]: 1 for the parent, near 0 for a parent that would cost much."""
    regret = np.where(np.isfinite(relation.regret), np.maximum(relation.regret, 0), np.inf)
    others = regret[~relation.relation & np.isfinite(regret)]
    scale = float(np.median(others)) if others.size else 1.0
    closeness = 0.75 * np.exp(-2 * regret / max(scale, 1e-9))
    return np.where(relation.relation, 1.0, closeness).astype(np.float32)


def _pooled(cells: FloatArray) -> FloatArray:
    """The largest of each block, where there are more cells than a picture can show."""
    for axis, most in enumerate(MOST_CELLS):
        starts = np.arange(0, cells.shape[axis], -(-cells.shape[axis] // most))
        cells = np.maximum.reduceat(cells, starts, axis=axis)
    return cells


def _class_map(axes: Axes, xy: FloatArray, inside: IntArray, fine: IntArray) -> None:
    bare(axes)
    axes.set_aspect("equal", "datalim")
    axes.scatter(*xy[~inside].T, s=1.5, c=GREY, linewidths=0, alpha=0.18, rasterized=True)
    ranks = np.unique(fine[inside], return_inverse=True)[1]
    axes.scatter(*xy[inside].T, s=7, c=colors(ranks), linewidths=0, rasterized=True)


@contextmanager
def _figure(
    width: float, height: float, panels: int = 1, columns: int = 1, *, bare: bool = False
) -> Iterator[tuple[Figure, list[Axes]]]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure((width, height), dpi=170, layout=None if bare else "constrained")
        grid = figure.subplots(-(-panels // columns), columns, squeeze=False).ravel()
        for unused in grid[panels:]:
            unused.set_axis_off()
        if bare:  # no ticks to make room for
            figure.subplots_adjust(0, 0, 1, 0.95, wspace=0.06, hspace=0.2)
        yield figure, list(grid[:panels])


def _picture(figure: Figure, description: str) -> Picture:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The browser sets the text and has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", buffer.getvalue().decode())
    return Picture(data_uri("image/svg+xml", svg.encode()), description)
