"""The coarse-fine graph, drawn: a radial tree for the whole, a strip of classes per coarse class.

Place: pure functions to HTML and SVG. The tree is legible up to `MAX_LEAVES` fine and
`MAX_BRANCHES` coarse classes; the strips are legible at any number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from falcon_svc.report.html import Html, element
from falcon_svc.result.record import Discovery, FineClass
from falcon_svc.result.words import color_of, count_of, percent, shortened, tint

MAX_LEAVES, MAX_BRANCHES = 240, 36
WIDTH, HEIGHT = 1280, 960
BRANCH, LEAF, NAME = 120.0, 238.0, 442.0  # radii
LETTERS = 24  # of a fine class's number and name
ROOMY = 20.0  # distance of leaves from which their names are written larger
GAP = 1.6  # angle between two coarse classes, in leaves


def children_of(discovery: Discovery, source: int = 0) -> tuple[tuple[FineClass, ...], ...]:
    """Return the fine classes of every coarse class of a source, in the order of their numbers."""
    name = discovery.relations[source].source
    n_coarse = len(discovery.relations[source].coarse_names)
    return tuple(
        tuple(fine for fine in discovery.classes if fine.coarse[name] == k) for k in range(n_coarse)
    )


def fine_anchor(fine: int) -> str:
    """Return the address of a class's card on the page."""
    return f"#class-{fine}"


def tooltip(fine: FineClass) -> str:
    """Return a class's figures in a line."""
    stability = "" if fine.stability is None else f", stability {fine.stability:.2f}"
    samples = count_of(fine.size, "sample")
    return f"Class {fine.title}: {samples}, confidence {percent(fine.mean_confidence)}{stability}"


def class_strip(classes: Sequence[FineClass], color: str) -> Html:
    """Return one coarse class as a bar: a segment per fine class, as wide as it is large."""
    return element("div", (_segment(fine, color) for fine in classes), class_="strip")


def _segment(fine: FineClass, color: str) -> Html:
    style = f"flex:{max(fine.size, 0.01)} 1 0;background:{tint(color, _strength(fine))}"
    number, name = element("b", fine.id), element("small", f" {fine.name}")
    return element("a", number, name, href=fine_anchor(fine.id), title=tooltip(fine), style=style)


def _strength(fine: FineClass) -> float:
    """Confident classes are drawn strong, doubtful ones pale."""
    return 0.12 + 0.58 * fine.mean_confidence**2


def is_drawable(discovery: Discovery) -> bool:
    """Say whether the radial tree would be legible."""
    n_coarse = len(discovery.relations[0].coarse_names)
    return 2 <= discovery.n_fine <= MAX_LEAVES and n_coarse <= MAX_BRANCHES


@dataclass(frozen=True)
class _Branch:
    """A coarse class with its fine classes, placed on the circle."""

    name: str
    color: str
    classes: tuple[FineClass, ...]
    angles: tuple[float, ...]

    @property
    def middle(self) -> float:
        return (self.angles[0] + self.angles[-1]) / 2


def radial_tree(discovery: Discovery) -> Html:
    """Return the graph of the first source as an SVG drawing with links to the cards."""
    branches = _placed(discovery)
    typical = max(discovery.n_samples / discovery.n_fine, 1)
    spacing = 2 * math.pi * LEAF / (discovery.n_fine + GAP * len(branches))
    return element(
        "svg",
        element("title", f"Tree of {len(branches)} coarse and {discovery.n_fine} fine classes"),
        (_branch(branch, typical, spacing) for branch in branches),
        element("circle", r=4, fill="currentColor"),
        viewBox=f"{-WIDTH / 2:g} {-HEIGHT / 2:g} {WIDTH} {HEIGHT}",
        role="group",
        class_="tree",
    )


def _placed(discovery: Discovery) -> list[_Branch]:
    """Share the circle out: a unit per fine class, and a gap after every coarse class."""
    names, groups = discovery.relations[0].coarse_names, children_of(discovery)
    unit = 2 * math.pi / (discovery.n_fine + GAP * len(groups))
    branches, angle = [], -math.pi / 2
    for k, group in enumerate(groups):
        angles = [angle + unit * (i + 0.5 + GAP / 2) for i in range(max(len(group), 1))]
        branches.append(_Branch(names[k], color_of(k), group, tuple(angles)))
        angle += unit * (len(group) + GAP)
    return branches


def _branch(branch: _Branch, typical: float, spacing: float) -> Html:
    x, y = _point(BRANCH, branch.middle)
    stem = _curve((0.0, branch.middle), (BRANCH, branch.middle), branch.color, 2.0)
    leaves = (
        _leaf(fine, branch, angle, math.sqrt(fine.size / typical), spacing)
        for fine, angle in zip(branch.classes, branch.angles, strict=False)
    )
    node = element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=6, fill=branch.color)
    return element("g", stem, leaves, node, _branch_name(branch.name, branch.middle))


def _leaf(fine: FineClass, branch: _Branch, angle: float, scale: float, spacing: float) -> Html:
    """A link from the branch, a dot as large as the class, number and name outside."""
    radius = min(max(scale * min(0.42 * spacing, 9), 1.5), 0.48 * spacing, 16)
    x, y = _point(LEAF, angle)
    dot = element(
        "circle",
        cx=f"{x:.1f}",
        cy=f"{y:.1f}",
        r=f"{radius:.1f}",
        fill=branch.color,
        fill_opacity=f"{_strength(fine) + 0.25:.2f}",
    )
    link = _curve((BRANCH, branch.middle), (LEAF, angle), branch.color, 1.0)
    parts = (
        element("title", tooltip(fine)),
        link,
        dot,
        _leaf_name(fine.title, LEAF + radius, angle, spacing > ROOMY),
    )
    return element("a", parts, href=fine_anchor(fine.id))


def _branch_name(name: str, angle: float) -> Html:
    x, y = _point(NAME, angle)
    anchor = "middle" if abs(x) < 40 else "start" if x > 0 else "end"
    text = shortened(name, 24)
    return element("text", text, x=f"{x:.1f}", y=f"{y + 5:.1f}", text_anchor=anchor, class_="name")


def _leaf_name(title: str, radius: float, angle: float, roomy: bool) -> Html:
    """Number and name, turned outwards, but never upside down."""
    x, y = _point(radius + 6, angle)
    degrees = math.degrees(angle)
    flipped = math.cos(angle) < 0
    turn = f"translate({x:.1f} {y:.1f}) rotate({degrees + 180 * flipped:.1f})"
    anchor = "end" if flipped else "start"
    return element(
        "text",
        shortened(title, LETTERS),
        transform=turn,
        text_anchor=anchor,
        dy="0.35em",
        class_="roomy" if roomy else None,
    )


def _curve(start: tuple[float, float], end: tuple[float, float], color: str, width: float) -> Html:
    """A curve between two (radius, angle) points that leaves and arrives radially."""
    half = (start[0] + end[0]) / 2
    points = (start, (half, start[1]), (half, end[1]), end)
    a, b, c, d = (f"{x:.1f} {y:.1f}" for x, y in (_point(*point) for point in points))
    line = f"M{a}C{b} {c} {d}"
    return element("path", d=line, stroke=color, stroke_width=f"{width:g}", class_="link")


def _point(radius: float, angle: float) -> tuple[float, float]:
    return radius * math.cos(angle), radius * math.sin(angle)
