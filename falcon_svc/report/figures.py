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

from falcon_svc.report.html import Html, data_uri, element
from falcon_svc.result.record import Discovery, SourceRelation, TotalEstimate
from falcon_svc.result.words import color_of, shortened
from falcon_svc.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Axes = Any  # matplotlib's stubs are stricter than its documentation

GREY, ACCENT, FAINT, DEEP = "#70777f", "#4e79a7", "#eceeef", "#1d4468"
SMALL, WIDE = (3.9, 2.6), 9.5  # inches; text is legible where a small one fills a third
MAX_PANELS, MAX_ROWS, MAX_NAMES = 12, 60, 20
LABEL_BOX = np.array((0.17, 0.036))  # a name's width and height, in widths of the map
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


def size_plot(discovery: Discovery) -> Html:
    """Return the sizes of all classes, largest first."""
    sizes = sorted((fine.size for fine in discovery.classes), reverse=True)
    with _figure(*SMALL) as (figure, [axes]):
        axes.stairs(sizes, np.arange(len(sizes) + 1), fill=True, color=ACCENT)
        axes.set(xlabel="fine classes", ylabel="samples", xlim=(0, len(sizes)), ylim=(0, None))
        return _picture(figure, "The fine classes' sizes, largest first")


def confidence_plot(discovery: Discovery) -> Html:
    """Return how confident the assignments are."""
    confidence = discovery.assignments.confidence
    with _figure(*SMALL) as (figure, [axes]):
        weights = np.full(len(confidence), 100 / max(len(confidence), 1))
        axes.hist(confidence, np.linspace(0, 1, 41), weights=weights, color=ACCENT)
        axes.set(xlabel="confidence of a sample", ylabel="% of samples", xlim=(0, 1))
        return _picture(figure, "Histogram of the samples' confidence")


def size_confidence_plot(discovery: Discovery) -> Html:
    """Return each class's mean confidence over its size."""
    with _figure(*SMALL) as (figure, [axes]):
        sizes = [max(fine.size, 1) for fine in discovery.classes]
        confidence = [fine.mean_confidence for fine in discovery.classes]
        axes.scatter(sizes, confidence, c=_colors(_parents(discovery)), s=14, lw=0, rasterized=True)
        axes.set(xlabel="samples in the class", ylabel="mean confidence", ylim=(0, 1.03))
        if max(sizes, default=1) > 8 * min(sizes, default=1):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
        return _picture(figure, "Mean confidence of each fine class over its size")


def total_curve(total: TotalEstimate) -> Html:
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


def coarse_map(discovery: Discovery) -> Html:
    """Return the 2-D map, coloured by coarse class, a ring at the centre of each fine class."""
    xy, coarse, fine = _map_data(discovery)
    with _figure(WIDE, 6, bare=True) as (figure, [axes]):
        _bare(axes)
        axes.scatter(*xy.T, s=7, c=_colors(coarse), linewidths=0, alpha=0.55, rasterized=True)
        centres = _centres(xy, fine)
        parents = _parents(discovery)[list(centres)]
        rings = np.array(list(centres.values())).reshape(-1, 2)
        axes.scatter(*rings.T, s=16, c="#ffffff", edgecolors=_colors(parents), linewidths=1.2)
        for k, place in _apart(_most_common(_centres(xy, coarse), coarse), xy).items():
            _label(axes, discovery.relations[0].coarse_names[k], place)
        axes.set_aspect("equal", "datalim")
        return _picture(figure, "Map of samples in two dimensions, coloured by coarse class")


def class_maps(discovery: Discovery) -> Html:
    """Return a small map per coarse class, coloured by fine class; the largest come first."""
    xy, coarse, fine = _map_data(discovery)
    sizes = np.bincount(coarse[coarse >= 0], minlength=len(discovery.relations[0].coarse_names))
    largest = np.argsort(-sizes, kind="stable")[:MAX_PANELS]
    columns = min(4, len(largest))
    size = WIDE, 2.3 * -(-len(largest) // columns), len(largest), columns
    with _figure(*size, bare=True) as (figure, panels):
        for panel, k in zip(panels, largest, strict=True):
            _class_map(panel, xy, coarse == k, fine)
            panel.set_title(shortened(discovery.relations[0].coarse_names[k], 26))
        return _picture(figure, "The same map, one coarse class each, coloured by fine class")


def relation_heat_map(relation: SourceRelation) -> Html:
    """Return fine by coarse classes: the parent, and how nearly another one would do."""
    from matplotlib.colors import LinearSegmentedColormap

    order = np.argsort(relation.relation.argmax(axis=1), kind="stable")
    closeness = _closeness(relation)[order].T
    rows = len(relation.coarse_names)
    with _figure(WIDE, 0.9 + min(max(0.2 * rows, 1.0), 9)) as (figure, [axes]):
        colors = LinearSegmentedColormap.from_list("closeness", (FAINT, ACCENT, DEEP))
        # "none" embeds the cells as they are: small, and drawn with sharp edges.
        axes.imshow(closeness, colors, vmin=0, vmax=1, aspect="auto", interpolation="none")
        _bare(axes)
        if rows <= MAX_ROWS:
            axes.set_yticks(range(rows), [shortened(n, 24) for n in relation.coarse_names])
        axes.tick_params(length=0)
        axes.set_xlabel("fine classes, in the order of their parents")
        return _picture(figure, f"Heat map of the relation to {relation.source}")


def training_curves(history: Sequence[Mapping[str, float]]) -> Html:
    """Return one small plot per metric that changes over the epochs."""
    names = _changing(history)
    if not names:
        return element("p", "No epoch was recorded.", class_="quiet")
    columns = min(4, len(names))
    with _figure(WIDE, 1.9 * -(-len(names) // columns), len(names), columns) as (figure, panels):
        for panel, name in zip(panels, names, strict=True):
            panel.plot([epoch.get(name, np.nan) for epoch in history], color=ACCENT, lw=1.4)
            panel.set_title(shortened(name.replace("_", " "), 26))
            panel.locator_params(nbins=4)
        return _picture(figure, f"Training curves of {', '.join(names)} over the epochs")


def _changing(history: Sequence[Mapping[str, float]]) -> list[str]:
    names = [name for name in (history[0] if history else {}) if name != "epoch"]
    return [n for n in names if len({epoch.get(n) for epoch in history}) > 1][:MAX_PANELS]


def _closeness(relation: SourceRelation) -> FloatArray:
    """(F, C) in [0, 1]: 1 for the parent, near 0 for a parent that would cost much."""
    regret = np.where(np.isfinite(relation.regret), np.maximum(relation.regret, 0), np.inf)
    others = regret[~relation.relation & np.isfinite(regret)]
    scale = float(np.median(others)) if others.size else 1.0
    closeness = 0.75 * np.exp(-2 * regret / max(scale, 1e-9))
    return np.where(relation.relation, 1.0, closeness).astype(np.float32)


def _map_data(discovery: Discovery) -> tuple[FloatArray, IntArray, IntArray]:
    rows = discovery.map_rows
    return discovery.map_xy, discovery.sources[0].labels[rows], discovery.assignments.fine[rows]


def _parents(discovery: Discovery) -> IntArray:
    return np.asarray(discovery.relations[0].relation.argmax(axis=1), np.int64)


def _centres(xy: FloatArray, groups: IntArray) -> dict[int, FloatArray]:
    """Return the median place of every group that is on the map."""
    return {int(g): np.median(xy[groups == g], axis=0) for g in np.unique(groups[groups >= 0])}


def _most_common(places: Mapping[int, FloatArray], groups: IntArray) -> dict[int, FloatArray]:
    """Keep the places of the `MAX_NAMES` largest groups."""
    sizes = np.bincount(groups[groups >= 0])
    ranked = sorted(places, key=lambda k: -int(sizes[k]))
    return {k: places[k] for k in ranked[:MAX_NAMES]}


def _apart(places: Mapping[int, FloatArray], xy: FloatArray) -> dict[int, FloatArray]:
    """Move labels up, lowest first, until none lies on another."""
    width, height = LABEL_BOX * np.ptp(xy, axis=0)
    settled: dict[int, FloatArray] = {}
    for k, place in sorted(places.items(), key=lambda item: float(item[1][1])):
        spot = place.astype(np.float32)
        for other in settled.values():
            if abs(other[0] - spot[0]) < width and abs(other[1] - spot[1]) < height:
                spot[1] = other[1] + height
        settled[k] = spot
    return settled


def _colors(coarse: IntArray) -> list[str]:
    return [color_of(k) if k >= 0 else "#b9bec4" for k in coarse.tolist()]


def _class_map(axes: Axes, xy: FloatArray, inside: IntArray, fine: IntArray) -> None:
    _bare(axes)
    axes.set_aspect("equal", "datalim")
    axes.scatter(*xy[~inside].T, s=1.5, c=GREY, linewidths=0, alpha=0.18, rasterized=True)
    ranks = np.unique(fine[inside], return_inverse=True)[1]
    axes.scatter(*xy[inside].T, s=7, c=_colors(ranks), linewidths=0, rasterized=True)


def _label(axes: Axes, name: str, place: FloatArray) -> None:
    """A name on the map, readable over points of any colour and on a dark page."""
    plate = {"facecolor": "#ffffff", "alpha": 0.82, "linewidth": 0, "pad": 1.6}
    text = axes.text(*place, shortened(name, 22), ha="center", va="center", color="#22262b")
    text.set(bbox=plate, in_layout=False)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[], facecolor="none")
    axes.spines[:].set_visible(False)


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


def _picture(figure: Figure, description: str) -> Html:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The browser sets the text and has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", buffer.getvalue().decode())
    return element("img", src=data_uri("image/svg+xml", svg.encode()), alt=description)
