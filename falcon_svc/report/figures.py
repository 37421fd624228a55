"""The report's plots, drawn by matplotlib to SVG that needs no other file.

Place: used by the sections, on a `canvas`. Points are rasterised, so that a map stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from falcon_svc.report.canvas import DEEP, FAINT, SMALL, WIDE, as_picture, canvas
from falcon_svc.report.picture import Picture
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

MAX_PANELS, MAX_ROWS = 12, 60
MOST_CELLS = (500, 1_500)
NOT_LEARNT = ("epoch", "learning_rate", "samples_per_s", "seconds")
"""Recorded per epoch, but set beforehand or about the machine."""


def size_plot(discovery: Discovery) -> Picture:
    """Return the sizes of all classes, largest first."""
    with canvas(*SMALL) as (figure, [axes]):
        draw_sizes(axes, discovery)
        return as_picture(figure, "The fine classes' sizes, largest first")


def confidence_plot(discovery: Discovery) -> Picture:
    """Return how confident the assignments are."""
    confidence = discovery.assignments.confidence
    with canvas(*SMALL) as (figure, [axes]):
        weights = np.full(len(confidence), 100 / max(len(confidence), 1))
        axes.hist(confidence, np.linspace(0, 1, 41), weights=weights, color=ACCENT)
        axes.set(xlabel="confidence of a sample", ylabel="% of samples", xlim=(0, 1))
        return as_picture(figure, "Histogram of the samples' confidence")


def size_confidence_plot(discovery: Discovery) -> Picture:
    """Return each class's mean confidence over its size."""
    with canvas(*SMALL) as (figure, [axes]):
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
        return as_picture(figure, "Mean confidence of each fine class over its size")


def total_curve(total: TotalEstimate) -> Picture:
    """Return probability and stability over the number of fine classes."""
    with canvas(2 * SMALL[0], SMALL[1]) as (figure, [axes]):
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
        return as_picture(figure, text)


def class_maps(discovery: Discovery) -> Picture:
    """Return a small map per coarse class, coloured by fine class; the largest come first."""
    xy, coarse, fine = map_data(discovery)
    sizes = np.bincount(coarse[coarse >= 0], minlength=len(discovery.relations[0].coarse_names))
    largest = np.argsort(-sizes, kind="stable")[:MAX_PANELS]
    columns = min(4, len(largest))
    size = WIDE, 2.3 * -(-len(largest) // columns), len(largest), columns
    with canvas(*size, bare=True) as (figure, panels):
        for panel, k in zip(panels, largest, strict=True):
            _class_map(panel, xy, coarse == k, fine)
            panel.set_title(shortened(discovery.relations[0].coarse_names[k], 26))
        return as_picture(figure, "The same map, one coarse class each, coloured by fine class")


def relation_heat_map(relation: SourceRelation) -> Picture:
    """Return fine by coarse classes: the parent, and how nearly another one would do."""
    from matplotlib.colors import LinearSegmentedColormap

    order = np.argsort(relation.relation.argmax(axis=1), kind="stable")
    closeness = _pooled(_closeness(relation)[order].T)
    rows = len(relation.coarse_names)
    height = 0.9 + min(max(0.2 * rows, 1.0), 9)
    with canvas(WIDE, height, named=True) as (figure, [axes]):
        colors = LinearSegmentedColormap.from_list("closeness", (FAINT, ACCENT, DEEP))
        # "none" embeds the cells as they are: small, and drawn with sharp edges.
        axes.imshow(closeness, colors, vmin=0, vmax=1, aspect="auto", interpolation="none")
        bare(axes)
        if rows <= MAX_ROWS:
            axes.set_yticks(range(rows), [shortened(n, 24) for n in relation.coarse_names])
        axes.tick_params(length=0)
        axes.set_xlabel("fine classes, in the order of their parents")
        return as_picture(figure, f"Heat map of the relation to {relation.source}")


def training_curves(history: Sequence[Mapping[str, float]]) -> Picture | None:
    """Return one small plot per metric that changes over the epochs; None = none does."""
    names = _changing(history)
    if not names:
        return None
    columns = min(4, len(names))
    with canvas(WIDE, 1.9 * -(-len(names) // columns), len(names), columns) as (figure, panels):
        for panel, name in zip(panels, names, strict=True):
            panel.plot([epoch.get(name, np.nan) for epoch in history], color=ACCENT, lw=1.4)
            panel.set_title(shortened(name.replace("_", " "), 26))
            panel.locator_params(nbins=4)
        return as_picture(figure, f"Training curves of {', '.join(names)} over the epochs")


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
