"""Drawings of a discovery on matplotlib axes: the map, the sizes, the graph.

Place: used by the report and by `Result.plot_map`, `plot_sizes` and `plot_graph`. Nothing here
makes a figure or a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from falcon_svc.result.record import Discovery
from falcon_svc.result.words import color_of, shortened
from falcon_svc.types import FloatArray, IntArray

Axes = Any  # matplotlib's stubs are stricter than its documentation

GREY, ACCENT, UNKNOWN = "#70777f", "#4e79a7", "#b9bec4"
MAX_NAMES = 20
LABEL_BOX = np.array((0.17, 0.036))  # a name's width and height, in widths of the map


def draw_sizes(axes: Axes, discovery: Discovery) -> None:
    """Draw the sizes of all classes, largest first."""
    sizes = sorted((fine.size for fine in discovery.classes), reverse=True)
    axes.stairs(sizes, np.arange(len(sizes) + 1), fill=True, color=ACCENT)
    axes.set(xlabel="fine classes", ylabel="samples", xlim=(0, len(sizes)), ylim=(0, None))


def draw_map(axes: Axes, discovery: Discovery) -> None:
    """Draw the 2-D map, coloured by coarse class, a ring at the centre of each fine class."""
    xy, coarse, fine = map_data(discovery)
    bare(axes)
    axes.scatter(*xy.T, s=7, c=colors(coarse), linewidths=0, alpha=0.55, rasterized=True)
    middles = centres(xy, fine)
    rings = np.array(list(middles.values())).reshape(-1, 2)
    edges = colors(parents_of(discovery)[list(middles)])
    axes.scatter(*rings.T, s=16, c="#ffffff", edgecolors=edges, linewidths=1.2)
    for k, place in apart(most_common(centres(xy, coarse), coarse), xy).items():
        _label(axes, discovery.relations[0].coarse_names[k], place)
    axes.set_aspect("equal", "datalim")


def draw_graph(axes: Axes, discovery: Discovery) -> None:
    """Draw the coarse classes on the left and their fine classes, by size, on the right."""
    bare(axes)
    relation = discovery.relations[0].relation
    order = np.argsort(parents_of(discovery), kind="stable")
    place = {int(fine): -i for i, fine in enumerate(order)}
    largest = max((fine.size for fine in discovery.classes), default=1)
    for k, name in enumerate(discovery.relations[0].coarse_names):
        children = [int(i) for i in np.flatnonzero(relation[:, k])]
        middle = float(np.mean([place[i] for i in children])) if children else 0.0
        axes.text(-0.03, middle, shortened(name, 30), ha="right", va="center")
        for i in children:
            axes.plot((0, 1), (middle, place[i]), color=color_of(k), lw=0.8, alpha=0.6)
    sizes = [8 + 90 * discovery.classes[int(i)].size / largest for i in order]
    hues = colors(parents_of(discovery)[order])
    axes.scatter(np.ones(len(order)), [-i for i in range(len(order))], s=sizes, c=hues)
    if len(order) <= 3 * MAX_NAMES:
        for i in order:
            fine = discovery.classes[int(i)]
            axes.text(
                1.03,
                place[fine.id],
                f"{shortened(fine.title, 34)} ({fine.size:,})",
                va="center",
                size="small",
            )
    axes.set_xlim(-0.5, 1.4)


def map_data(discovery: Discovery) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the map's places (S, 2), and coarse and fine class (S,) of its samples."""
    rows = discovery.map_rows
    return discovery.map_xy, discovery.sources[0].labels[rows], discovery.assignments.fine[rows]


def parents_of(discovery: Discovery) -> IntArray:
    """Return (F,) the first parent of each fine class in the first source."""
    return np.asarray(discovery.relations[0].relation.argmax(axis=1), np.int64)


def centres(xy: FloatArray, groups: IntArray) -> dict[int, FloatArray]:
    """Return the median place of every group that is on the map."""
    return {int(g): np.median(xy[groups == g], axis=0) for g in np.unique(groups[groups >= 0])}


def colors(coarse: IntArray) -> list[str]:
    """Return one colour per coarse class index; grey where there is none."""
    return [color_of(k) if k >= 0 else UNKNOWN for k in coarse.tolist()]


def bare(axes: Axes) -> None:
    """Take ticks, frame and background away."""
    axes.set(xticks=[], yticks=[], facecolor="none")
    axes.spines[:].set_visible(False)


def most_common(places: Mapping[int, FloatArray], groups: IntArray) -> dict[int, FloatArray]:
    """Keep the places of the `MAX_NAMES` largest groups."""
    sizes = np.bincount(groups[groups >= 0])
    ranked = sorted(places, key=lambda k: -int(sizes[k]))
    return {k: places[k] for k in ranked[:MAX_NAMES]}


def apart(places: Mapping[int, FloatArray], xy: FloatArray) -> dict[int, FloatArray]:
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


def _label(axes: Axes, name: str, place: FloatArray) -> None:
    """A name on the map, readable over points of any colour and on a dark page."""
    plate = {"facecolor": "#ffffff", "alpha": 0.82, "linewidth": 0, "pad": 1.6}
    text = axes.text(*place, shortened(name, 22), ha="center", va="center", color="#22262b")
    text.set(bbox=plate, in_layout=False)
