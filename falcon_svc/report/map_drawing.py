"""The 2-D map: the points as one picture, on it the classes with numbers, tooltips and links.

Place: used by the sections. A page without scripts can still be pointed at: every fine class is a
ring whose title tells its figures, and which leads to its card.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from falcon_svc.report.graph_drawing import fine_anchor, tooltip
from falcon_svc.report.html import Html, data_uri, element
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


def coarse_map(discovery: Discovery) -> Html:
    """Return the map, coloured by coarse class, with a ring at the middle of each fine class."""
    xy, coarse, fine = map_data(discovery)
    frame = _Frame.of(xy)
    names = discovery.relations[0].coarse_names
    labels = apart(most_common(_homes(discovery, xy, coarse, fine), coarse), xy)
    rings = (_ring(discovery, i, frame.place(spot)) for i, spot in centres(xy, fine).items())
    words = (_name(names[k], k, frame.place(spot)) for k, spot in labels.items())
    alt = "Map of samples in two dimensions, coloured by coarse class"
    picture = element("img", src=_points(xy, coarse, frame), alt=alt)
    drawn = element("svg", rings, words, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="group")
    return element("div", picture, drawn, class_="map")


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


def _ring(discovery: Discovery, fine: int, place: tuple[str, str]) -> Html:
    record, source = discovery.classes[fine], discovery.relations[0].source
    x, y = place
    number = element("text", fine, x=x, y=y, dx=7, dy=3.5)
    return element(
        "a",
        element("title", tooltip(record)),
        element("circle", cx=x, cy=y, r=4.5, stroke=color_of(record.coarse[source])),
        number if discovery.n_fine <= MAX_NUMBERS else None,
        href=fine_anchor(fine),
    )


def _name(name: str, coarse: int, place: tuple[str, str]) -> Html:
    return element(
        "text",
        shortened(name, 24),
        x=place[0],
        y=place[1],
        dy=-9,
        class_="name",
        style=f"fill:{color_of(coarse)}",
    )


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
