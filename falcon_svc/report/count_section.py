"""The section on how many fine classes each coarse class holds, and how sure that is.

Place: beside the other `sections`, composed by `page`. Coarse classes of which the same is true
share a line.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcon_svc.report import figures
from falcon_svc.report.blocks import figure, section, table
from falcon_svc.report.html import Html, element
from falcon_svc.result.record import CountEstimate, Discovery


def counts(discovery: Discovery) -> Html:
    """Return the number of fine classes per coarse class."""
    text = (
        "How many fine classes each coarse class holds, the numbers that would be plausible too "
        "(90 % interval), and whether the data speak for finer classes at all: a coarse class "
        "holds one fine class with a probability under 15 % (clear), under half (weak), or more "
        "(no better than chance)."
    )
    names = discovery.sources[0].names
    top = max((count.high for count in discovery.counts), default=1)
    rows = (
        (*_coarse_names(same, names), _range(c), _range_bar(c, top), c.verdict, _origin(c))
        for c, same in _alike_counts(discovery.counts)
    )
    heads = ("coarse class", "fine classes", "interval", "", "finer classes", "how known")
    whole = table(heads, rows, numeric=(1, 2))
    return section("Number of classes", text, *_total_doubt(discovery), whole)


def _total_doubt(discovery: Discovery) -> list[Html]:
    """What was estimated in all, in words and as a curve; nothing where it was given."""
    total = discovery.total
    if total is None:
        return []
    other = "" if total.runner_up is None else f" The runner-up is {total.runner_up:,}."
    words = (
        f"{total.n_fine:,} in all is an estimate: with 90 % probability the number lies between "
        f"{total.low:,} and {total.high:,}.{other} Give the number, or a range for a coarse class, "
        "if you know it."
    )
    plot = figure(figures.total_curve(total), "What speaks for each number of fine classes.")
    return [element("p", words), plot]


def _alike_counts(
    counts: Sequence[CountEstimate],
) -> list[tuple[CountEstimate, list[CountEstimate]]]:
    """Return every different line of the table, with the coarse classes that it is true of."""
    groups: dict[tuple[object, ...], list[CountEstimate]] = {}
    for count in counts:
        line = (count.n_fine, count.low, count.high, count.origin, count.verdict)
        groups.setdefault(line, []).append(count)
    return [(same[0], same) for same in groups.values()]


def _coarse_names(same: Sequence[CountEstimate], names: Sequence[str]) -> tuple[str, str]:
    """Return the coarse classes of a line, and how many fine classes each of them holds."""
    each = " each" if len(same) > 1 else ""
    return ", ".join(names[count.coarse] for count in same), f"{same[0].n_fine}{each}"


def _range(count: CountEstimate) -> str:
    return f"{count.low}–{count.high}" if count.low < count.high else f"{count.low}"


def _range_bar(count: CountEstimate, top: int) -> Html:
    """The interval on a line from 0 to the largest number, with the number used."""
    left, width = 100 * count.low / top, 100 * (count.high - count.low) / top
    span = element("i", style=f"left:{left:.1f}%;width:{width:.1f}%")
    mark = element("b", style=f"left:{100 * count.n_fine / top:.1f}%")
    return element("span", span, mark, class_="range")


def _origin(count: CountEstimate) -> str:
    return {"given": "given", "allocated": "share of the given total"}.get(
        count.origin, count.origin
    )
