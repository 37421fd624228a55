"""The classes, grouped by coarse class: a bar that shows them all, and a card for each.

Place: the report's main part. A card answers: what does the class look like, how large and how
certain is it, does it come back, and what is it most easily mistaken for?
"""

from __future__ import annotations

from collections.abc import Sequence

from falcon_svc.report.evidence import Evidence
from falcon_svc.report.exemplars import Exemplars
from falcon_svc.report.graph_drawing import children_of, class_strip, fine_anchor
from falcon_svc.report.html import Html, element
from falcon_svc.result.record import CountEstimate, Discovery, FineClass
from falcon_svc.result.words import color_of, count_of, percent, verdict
from falcon_svc.types import CoarseDataset

OPEN_ALL = 40  # up to so many fine classes, every group is unfolded


def class_groups(discovery: Discovery, evidence: Sequence[Evidence], exemplars: Exemplars) -> Html:
    """Return a foldable group per coarse class of the first source."""
    names = discovery.relations[0].coarse_names
    counts = {count.coarse: count for count in discovery.counts}
    groups = (
        element(
            "details",
            _group_head(names[k], classes, color_of(k), counts.get(k)),
            element(
                "div", (_card(evidence, c.id, exemplars, names) for c in classes), class_="cards"
            ),
            open=True if k == 0 or discovery.n_fine <= OPEN_ALL else None,
            style=f"--hue:{color_of(k)}",
        )
        for k, classes in enumerate(children_of(discovery))
    )
    return element("div", groups, class_="groups")


def how_to_read(dataset: CoarseDataset) -> str:
    """Return what the bars and the cards show."""
    text = (
        "Per coarse class: its fine classes as a bar, as wide as they are large, pale where they "
        "are doubtful. Unfold it for a card per class: its most central samples, and below the "
        "line those at its border to another class."
    )
    if dataset.images is not None or dataset.texts is not None:
        return text
    return f"{text} A strip is a sample, feature by feature: blue below the mean, orange above."


def class_link(fine: FineClass) -> Html:
    """Return number and name of a class, leading to its card."""
    return element("a", f"class {fine.title}", href=fine_anchor(fine.id))


def _group_head(
    name: str, classes: Sequence[FineClass], color: str, count: CountEstimate | None
) -> Html:
    samples = count_of(sum(fine.size for fine in classes), "sample")
    figures = f"{count_of(len(classes), 'class')}{_interval(count)} · {samples}"
    words = element("span", element("h3", name), element("small", figures), class_="words")
    return element("summary", words, class_strip(classes, color))


def _interval(count: CountEstimate | None) -> str:
    if count is None or count.low == count.high:
        return ""
    return f" ({count.low}–{count.high})"


def _card(
    every: Sequence[Evidence], number: int, exemplars: Exemplars, names: Sequence[str]
) -> Html:
    evidence = every[number]
    fine, rival = evidence.fine, evidence.rival
    return element(
        "article",
        element("header", element("h4", f"Class {fine.id}"), _size(fine)),
        element("p", fine.name, class_="called") if fine.name else None,
        _further_homes(fine, names),
        element("div", _confidence(fine), _stability(fine), class_="gauges"),
        exemplars.central(fine.medoids),
        _doubts(evidence, None if rival is None else every[rival.fine].fine, exemplars),
        id=fine_anchor(fine.id)[1:],
    )


def _further_homes(fine: FineClass, names: Sequence[str]) -> Html | None:
    """Where else the class lies, in the first source's words."""
    others = next(iter(fine.also_in.values()), ())
    if not others:
        return None
    return element("p", f"also in {', '.join(names[k] for k in others)}", class_="quiet")


def _size(fine: FineClass) -> Html:
    return element("span", count_of(fine.size, "sample"), class_="quiet")


def _confidence(fine: FineClass) -> Html:
    return _gauge("confidence", fine.mean_confidence, percent(fine.mean_confidence))


def _stability(fine: FineClass) -> Html:
    if fine.stability is None:
        return _gauge("stability", 0.0, verdict(None))
    return _gauge("stability", fine.stability, f"{fine.stability:.2f} {verdict(fine.stability)}")


def _gauge(name: str, level: float, value: str) -> Html:
    """A figure with a bar under it."""
    words = element("span", name, " ", element("b", value))
    bar = element("i", element("i", style=f"width:{100 * level:.0f}%"), class_="bar")
    return element("div", words, bar, class_="gauge")


def _doubts(evidence: Evidence, nearest: FineClass | None, exemplars: Exemplars) -> Html:
    """Where the class blurs: its rival, and the samples at the border."""
    if not evidence.fine.size:
        return element("p", "Holds no sample of this data set.", class_="doubt")
    if nearest is None:
        return element("p", "The only class of its kind: no rival.", class_="doubt")
    share = f" · {percent(evidence.share_border)} border samples"
    rival = element("p", "nearest: ", class_link(nearest), share, class_="doubt")
    if not evidence.border:
        return rival
    return element("div", rival, exemplars.border(evidence.border), class_="border")
