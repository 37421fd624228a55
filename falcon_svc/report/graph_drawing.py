"""The coarse-fine graph, placed: a radial tree for the whole, a strip of classes per coarse class.

Place: pure functions to numbers and words, which the templates draw. The tree is legible up to
`MAX_LEAVES` fine and `MAX_BRANCHES` coarse classes; the strips are legible at any number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    solved = discovery.relations[source]
    groups: list[list[FineClass]] = [[] for _ in solved.coarse_names]
    for fine in discovery.classes:
        groups[fine.coarse[solved.source]].append(fine)
    return tuple(map(tuple, groups))


def fine_anchor(fine: int) -> str:
    """Return the address of a class's card on the page."""
    return f"#class-{fine}"


def tooltip(fine: FineClass) -> str:
    """Return a class's figures in a line."""
    stability = "" if fine.stability is None else f", stability {fine.stability:.2f}"
    samples = count_of(fine.size, "sample")
    return f"Class {fine.title}: {samples}, confidence {percent(fine.mean_confidence)}{stability}"


@dataclass(frozen=True)
class Segment:
    """A fine class in the bar of its coarse class: as wide as it is large, pale where doubtful."""

    fine: FineClass
    href: str
    title: str
    style: str


def class_strip(classes: Sequence[FineClass], color: str) -> list[Segment]:
    """Return one coarse class as a bar."""
    return [_segment(fine, color) for fine in classes]


def _segment(fine: FineClass, color: str) -> Segment:
    style = f"flex:{max(fine.size, 0.01)} 1 0;background:{tint(color, _strength(fine))}"
    return Segment(fine, fine_anchor(fine.id), tooltip(fine), style)


def _strength(fine: FineClass) -> float:
    """Confident classes are drawn strong, doubtful ones pale."""
    return 0.12 + 0.58 * fine.mean_confidence**2


def is_drawable(discovery: Discovery) -> bool:
    """Say whether the radial tree would be legible."""
    n_coarse = len(discovery.relations[0].coarse_names)
    return 2 <= discovery.n_fine <= MAX_LEAVES and n_coarse <= MAX_BRANCHES


@dataclass(frozen=True)
class Stroke:
    """A curve: its path in SVG's words, colour and width."""

    path: str
    color: str
    width: str


@dataclass(frozen=True)
class Text:
    """Words at a place: ``anchor`` is SVG's, `turn` a transform or empty."""

    words: str
    x: str
    y: str
    anchor: str
    turn: str = ""


@dataclass(frozen=True)
class Leaf:
    """A fine class in the tree: a dot with a link from its branch, number and name outside."""

    href: str
    title: str
    link: Stroke
    x: str
    y: str
    radius: str
    opacity: str
    name: Text


@dataclass(frozen=True)
class Branch:
    """A coarse class in the tree, with its fine classes."""

    color: str
    stem: Stroke
    x: str
    y: str
    name: Text
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class Tree:
    """The graph of the first source as a drawing; `roomy` = names are written larger."""

    title: str
    view_box: str
    roomy: bool
    branches: tuple[Branch, ...]


def radial_tree(discovery: Discovery) -> Tree:
    """Place the graph of the first source: coarse classes on a circle, fine ones around them."""
    groups, names = children_of(discovery), discovery.relations[0].coarse_names
    unit = 2 * math.pi / (discovery.n_fine + GAP * len(groups))
    typical = max(discovery.n_samples / discovery.n_fine, 1)
    branches, angle = [], -math.pi / 2
    for k, group in enumerate(groups):
        angles = [angle + unit * (i + 0.5 + GAP / 2) for i in range(max(len(group), 1))]
        branches.append(_branch(names[k], color_of(k), group, angles, typical, unit * LEAF))
        angle += unit * (len(group) + GAP)
    return Tree(
        title=f"Tree of {len(branches)} coarse and {discovery.n_fine} fine classes",
        view_box=f"{-WIDTH / 2:g} {-HEIGHT / 2:g} {WIDTH} {HEIGHT}",
        roomy=unit * LEAF > ROOMY,
        branches=tuple(branches),
    )


def _branch(
    name: str,
    color: str,
    classes: Sequence[FineClass],
    angles: Sequence[float],
    typical: float,
    spacing: float,
) -> Branch:
    """`typical` is the size of a typical class, `spacing` the distance of two leaves."""
    middle = (angles[0] + angles[-1]) / 2
    x, y = _point(BRANCH, middle)
    leaves = (
        _leaf(fine, color, middle, angle, math.sqrt(fine.size / typical), spacing)
        for fine, angle in zip(classes, angles, strict=False)
    )
    stem = _curve((0.0, middle), (BRANCH, middle), color, 2.0)
    return Branch(color, stem, f"{x:.1f}", f"{y:.1f}", _branch_name(name, middle), tuple(leaves))


def _leaf(
    fine: FineClass, color: str, middle: float, angle: float, scale: float, spacing: float
) -> Leaf:
    """A dot as large as the class; `scale` is its width beside a typical one's."""
    radius = min(max(scale * min(0.42 * spacing, 9), 1.5), 0.48 * spacing, 16)
    x, y = _point(LEAF, angle)
    return Leaf(
        href=fine_anchor(fine.id),
        title=tooltip(fine),
        link=_curve((BRANCH, middle), (LEAF, angle), color, 1.0),
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        radius=f"{radius:.1f}",
        opacity=f"{_strength(fine) + 0.25:.2f}",
        name=_leaf_name(fine.title, LEAF + radius, angle),
    )


def _branch_name(name: str, angle: float) -> Text:
    x, y = _point(NAME, angle)
    anchor = "middle" if abs(x) < 40 else "start" if x > 0 else "end"
    return Text(shortened(name, 24), f"{x:.1f}", f"{y + 5:.1f}", anchor)


def _leaf_name(title: str, radius: float, angle: float) -> Text:
    """Number and name, turned outwards, but never upside down."""
    x, y = (f"{place:.1f}" for place in _point(radius + 6, angle))
    flipped = math.cos(angle) < 0
    turn = f"translate({x} {y}) rotate({math.degrees(angle) + 180 * flipped:.1f})"
    return Text(shortened(title, LETTERS), x, y, "end" if flipped else "start", turn)


def _curve(
    start: tuple[float, float], end: tuple[float, float], color: str, width: float
) -> Stroke:
    """A curve between two (radius, angle) points that leaves and arrives radially."""
    half = (start[0] + end[0]) / 2
    points = (start, (half, start[1]), (half, end[1]), end)
    a, b, c, d = (f"{x:.1f} {y:.1f}" for x, y in (_point(*point) for point in points))
    return Stroke(f"M{a}C{b} {c} {d}", color, f"{width:g}")


def _point(radius: float, angle: float) -> tuple[float, float]:
    return radius * math.cos(angle), radius * math.sin(angle)
