"""The 2-D map: the points as one picture, on it the classes with numbers, tooltips and links.

Place: used by the sections. A page without scripts can still be pointed at: every fine class is a
ring whose title tells its figures, and which leads to its card.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from falcon_svc.report.graph_drawing import fine_anchor, tooltip
from falcon_svc.report.picture import Picture, data_uri
from falcon_svc.result.plots import (
    Axes,
    apart,
    bare,
    centres,
    colors,
    map_data,
    most_common,
    parents_of,
)
from falcon_svc.result.record import Discovery
from falcon_svc.result.words import color_of, shortened
from falcon_svc.types import FloatArray, IntArray

WIDTH, HEIGHT = 1080, 680
DOTS_PER_UNIT = 1.5
MAX_NUMBERS = 240  # classes whose number is written beside their ring
MARGIN = 0.04


@dataclass(frozen=True)
class Ring:
    """The middle of a fine class on the map: where it leads, what it tells, its number or None."""

    href: str
    title: str
    color: str
    x: str
    y: str
    number: int | None


@dataclass(frozen=True)
class Label:
    """A coarse class's name on the map."""

    name: str
    color: str
    x: str
    y: str


@dataclass(frozen=True)
class Map:
    """The map: its points as one picture, rings and labels over it."""

    points: Picture
    view_box: str
    rings: tuple[Ring, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class _Frame:
    """Where a place of the map lies in the drawing; both axes have one scale."""

    middle: FloatArray
    span: float

    @classmethod
    def of(cls, xy: FloatArray) -> _Frame:
        low, high = xy.min(axis=0), xy.max(axis=0)
        width, height = (high - low).tolist()
        span = max(width / WIDTH, height / HEIGHT, 1e-9) * (1 + 2 * MARGIN)
        return cls((low + high) / 2, float(span))

    def place(self, xy: FloatArray) -> tuple[str, str]:
        x, y = ((xy - self.middle) / self.span).tolist()
        return f"{WIDTH / 2 + x:.1f}", f"{HEIGHT / 2 - y:.1f}"


def coarse_map(discovery: Discovery) -> Map:
    """Return the map, coloured by coarse class, with a ring at the middle of each fine class."""
    xy, coarse, fine = map_data(discovery)
    frame = _Frame.of(xy)
    names = discovery.relations[0].coarse_names
    labels = apart(most_common(_homes(discovery, xy, coarse, fine), coarse), xy)
    alt = "Map of samples in two dimensions, coloured by coarse class"
    return Map(
        points=Picture(_points(xy, coarse, frame), alt),
        view_box=f"0 0 {WIDTH} {HEIGHT}",
        rings=tuple(_ring(discovery, i, *frame.place(p)) for i, p in centres(xy, fine).items()),
        labels=tuple(
            Label(shortened(names[k], 24), color_of(k), *frame.place(place))
            for k, place in labels.items()
        ),
    )


def _homes(
    discovery: Discovery, xy: FloatArray, coarse: IntArray, fine: IntArray
) -> dict[int, FloatArray]:
    """Return a place for each coarse name: at the one of its fine classes nearest to its middle.

    A map of neighbors may take a coarse class apart, and its middle then belongs to others.
    """
    middles, parents = centres(xy, fine), parents_of(discovery)
    homes = {}
    for k, middle in centres(xy, coarse).items():
        own = [spot for i, spot in middles.items() if parents[i] == k] or [middle]
        homes[k] = min(own, key=lambda spot: float(np.linalg.norm(spot - middle)))
    return homes


def _ring(discovery: Discovery, fine: int, x: str, y: str) -> Ring:
    record, source = discovery.classes[fine], discovery.relations[0].source
    number = fine if discovery.n_fine <= MAX_NUMBERS else None
    color = color_of(record.coarse[source])
    return Ring(fine_anchor(fine), tooltip(record), color, x, y, number)


def _points(xy: FloatArray, coarse: IntArray, frame: _Frame) -> str:
    """Return the points as a PNG that fills the drawing."""
    from matplotlib.figure import Figure

    figure = Figure((WIDTH / 100, HEIGHT / 100), dpi=100 * DOTS_PER_UNIT)
    axes: Axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    bare(axes)
    axes.scatter(*xy.T, s=9, c=colors(coarse), linewidths=0, alpha=0.5)
    half = np.array([WIDTH / 2, HEIGHT / 2]) * frame.span
    low, high = frame.middle - half, frame.middle + half
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", transparent=True, metadata={"Software": None})
    return data_uri("image/png", buffer.getvalue())
