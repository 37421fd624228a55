"""The report's sections: each a pure function from a discovery to HTML.

Place: composed by `page`. Every section says in words what it shows before it shows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from falcon_svc.report import figures
from falcon_svc.report.blocks import figure, folded, section, table
from falcon_svc.report.cards import class_link
from falcon_svc.report.evidence import (
    Evidence,
    mixups,
    share_of_border_samples,
    share_of_suspects,
)
from falcon_svc.report.exemplars import Exemplars
from falcon_svc.report.graph_drawing import is_drawable, radial_tree
from falcon_svc.report.html import Html, element
from falcon_svc.report.map_drawing import coarse_map
from falcon_svc.result.doubt import BORDER_MARGIN
from falcon_svc.result.record import Discovery, SharedPair, SourceRelation
from falcon_svc.result.words import count_of, duration, number, percent, verdict

MAP_WORDS = {
    "tsne": "by t-SNE (van der Maaten and Hinton 2008, with openTSNE): near means alike, but sizes "
    "of groups, gaps between them and distances of far ones mean nothing.",
    "pca": "by their first two principal components, so that near means alike, though unlike "
    "samples may lie together too. With the extra map (pip install -e '.[map]') the map is drawn "
    "by t-SNE, which tells groups better apart.",
}
N_DOUBTFUL, N_MIXUPS = 8, 6
PROVEN = 1e-6  # largest gap of a proven optimum: rounding


def headline(discovery: Discovery) -> Html:
    """Return the title, the answer in words, and the key figures."""
    fine = count_of(discovery.n_fine, "fine class")
    coarse = count_of(len(discovery.relations[0].coarse_names), "coarse one")
    return element(
        "header",
        element("p", "FALCON discovery report", class_="eyebrow"),
        element("h1", f"{fine} in {coarse}"),
        element("p", _answer(discovery), class_="lead"),
        element("dl", _key_figures(discovery), class_="figures"),
    )


def notes(discovery: Discovery) -> Html | None:
    """Return what was told on reading the data."""
    if not discovery.notes:
        return None
    text = "What reading the data set had to guess, or found odd: look at it before the result."
    lines = (element("li", note.text) for note in discovery.notes)
    return section("Notes on the data", text, element("ul", lines, class_="notes"))


def graph(discovery: Discovery) -> Html | None:
    """Return the drawing of the graph, where it is legible; the groups show it anyway."""
    if not is_drawable(discovery):
        return None
    text = (
        "Each branch is a coarse class, each dot a fine class found inside it: as large as the "
        "class, and stronger the more confident its samples are. A dot leads to its card. Names "
        "are working names: words, features or samples that are typical of the class."
    )
    return section(
        "The coarse-fine graph", text, element("div", radial_tree(discovery), class_="wide")
    )


def first_looks(discovery: Discovery, evidence: Sequence[Evidence]) -> Html:
    """Return the most doubtful classes, with the reason."""
    text = "The classes that most deserve a look before they are used, most doubtful first."
    doubtful = sorted(evidence, key=_doubt, reverse=True)[:N_DOUBTFUL]
    names = discovery.relations[0].coarse_names
    source = discovery.relations[0].source
    rows = (
        (class_link(e.fine), names[e.fine.coarse[source]], _reason(e, discovery)) for e in doubtful
    )
    return section(
        "Where to look first", text, table(("class", "inside", "why"), rows, stacked=True)
    )


def label_doubts(discovery: Discovery, exemplars: Exemplars) -> Html | None:
    """Return samples whose coarse label may be wrong, by pairs of classes."""
    found, text = mixups(discovery, N_MIXUPS), _label_words(discovery)
    if not found:
        return section("Coarse labels in doubt", text) if _judging_asked(discovery) else None
    names = discovery.relations[0].coarse_names
    rows = (
        (names[m.coarse], names[m.likely], f"{len(m.rows):,}", exemplars.examples(m.rows))
        for m in found
    )
    heads = ("labelled", "looks like", "samples", "for example")
    return section("Coarse labels in doubt", text, table(heads, rows, numeric=(2,), stacked=True))


def overlaps(discovery: Discovery) -> Html | None:
    """Return the fine classes of different coarse classes that cannot be told apart."""
    if not discovery.shared_pairs:
        return None
    text = (
        "Fine classes of different coarse classes whose samples cannot be told apart by their "
        "features, as a test shows: your labels overlap here. Told apart = the share of samples "
        "that a classifier sorts rightly between the two; 50 % is a coin."
    )
    source = discovery.relations[0]
    rows = (_overlap(pair, discovery, source.coarse_names) for pair in discovery.shared_pairs)
    heads = ("class", "inside", "class", "inside", "told apart", "at most")
    return section("Labels that overlap", text, table(heads, rows, numeric=(4, 5)))


def _overlap(pair: SharedPair, discovery: Discovery, names: Sequence[str]) -> tuple[object, ...]:
    source = discovery.relations[0].source
    first, second = (discovery.classes[fine] for fine in pair.fine)
    return (
        *(class_link(first), names[first.coarse[source]]),
        *(class_link(second), names[second.coarse[source]]),
        *(percent(pair.balanced_accuracy), percent(pair.upper)),
    )


def _label_words(discovery: Discovery) -> str:
    """What the suspects are, and how many wrong labels there are likely to be."""
    noise = discovery.noise_of(discovery.sources[0].name)
    if noise is None:
        failed = "The coarse labels could not be judged: too few samples, or too many classes. "
        return (failed if _judging_asked(discovery) else "") + (
            "Samples that look most like a fine class of another coarse class. A few are "
            "likely labelling errors to mend; many mean that the two coarse classes overlap."
        )
    known = "were said to be" if noise.given else "are estimated to be"
    return (
        f"About {percent(noise.rate)} of the coarse labels {known} wrong (90 % interval: "
        f"{percent(noise.low)} to {percent(noise.high)}). "
        f"{count_of(len(noise.suspected), 'sample')} carry a label that is more likely wrong than "
        "right. Such a label taught nothing in training, as long as half of its coarse class "
        "remained; each sample stays in the classes of its own label until someone decides "
        "otherwise."
    )


def _judging_asked(discovery: Discovery) -> bool:
    """Whether the settings asked for labels to be judged."""
    labels: Mapping[str, Any] = discovery.config.get("labels", {})
    return bool(labels.get("coarse_noise", "none") != "none")


def _suspicion(discovery: Discovery) -> str:
    if discovery.label_noise:
        return "carry a coarse label that is more likely wrong than right"
    return "look most like a class of another coarse label, which may be a labelling error"


def distributions(discovery: Discovery) -> Html:
    """Return sizes and confidence."""
    text = (
        "How evenly the samples share the classes, how sure the assignments are, and whether "
        "small classes are the doubtful ones."
    )
    plots = element(
        "div",
        figure(figures.size_plot(discovery), "Class sizes, largest first."),
        figure(figures.confidence_plot(discovery), "Confidence among the coarse label's classes."),
        figure(figures.size_confidence_plot(discovery), "Each dot a class, by coarse class."),
        class_="plots",
    )
    return section("Sizes and confidence", text, plots)


def maps(discovery: Discovery) -> Html | None:
    """Return the 2-D maps."""
    if not len(discovery.map_rows):
        return None
    shown = len(discovery.map_rows)
    part = "" if shown == discovery.n_samples else f" of {discovery.n_samples:,}, drawn at random,"
    how = MAP_WORDS[discovery.map_method]
    text = f"{count_of(shown, 'sample')}{part} laid out in two dimensions {how}"
    whole = figure(
        coarse_map(discovery),
        "By coarse class; a ring is the middle of a fine class, with its number: point at it for "
        "its name and figures, follow it to its card.",
        wide=True,
    )
    single = figure(
        figures.class_maps(discovery), "One coarse class each, by fine class.", wide=True
    )
    return section("Map", text, whole, single)


def relation(discovery: Discovery) -> Html:
    """Return each source's relation as a heat map, and how it was solved."""
    text = (
        "Every fine class has one parent: the darkest cell of its column. The paler a cell, the "
        "more the solution would lose if the class hung there instead."
    )
    parts = [
        (
            figure(figures.relation_heat_map(r), f"Label source “{r.source}”.", wide=True),
            element("p", _certified(r)),
            _solve_record(r),
        )
        for r in discovery.relations
    ]
    return section("The relation and its certificate", text, parts)


def _answer(discovery: Discovery) -> str:
    """The result in three sentences."""
    border, suspects = share_of_border_samples(discovery), share_of_suspects(discovery)
    stable = [c.stability for c in discovery.classes if c.stability is not None]
    repeatable = sum(verdict(s) == "repeatable" for s in stable)
    stability = (
        f" {repeatable} of {len(stable)} classes are repeatable: other views of the same features "
        "find them again, which does not say that they could not be split further."
        if stable
        else ""
    )
    return (
        f"{count_of(discovery.n_samples, 'sample')} carried coarse labels only.{stability} "
        f"{percent(border)} of the samples lie at a border between two classes (margin under "
        f"{BORDER_MARGIN}), and {percent(suspects)} {_suspicion(discovery)}."
    )


def _key_figures(discovery: Discovery) -> list[Html]:
    confidence = float(np.median(discovery.assignments.confidence))
    gap = max(r.gap for r in discovery.relations)
    return [
        _key_figure("samples", f"{discovery.n_samples:,}"),
        _key_figure("coarse classes", f"{len(discovery.relations[0].coarse_names):,}"),
        _key_figure("fine classes", f"{discovery.n_fine:,}"),
        _key_figure("90 % interval of their number", _plausible_total(discovery)),
        _key_figure("median confidence", percent(confidence)),
        _key_figure("relation", "optimal" if gap <= PROVEN else f"gap {number(gap)}"),
        _key_figure("time", duration(sum(s.seconds for s in discovery.stages))),
    ]


def _plausible_total(discovery: Discovery) -> str:
    low, high = discovery.n_fine_interval
    return "given" if discovery.total is None else f"{low:,}–{high:,}"


def _key_figure(name: str, value: str) -> Html:
    return element("div", element("dt", name), element("dd", value))


def _doubt(evidence: Evidence) -> float:
    stability = 0.7 if evidence.fine.stability is None else evidence.fine.stability
    pull = evidence.rival.pull if evidence.rival else 0.0
    return (1 - stability) + evidence.share_border + pull + (evidence.fine.size == 0)


def _reason(evidence: Evidence, discovery: Discovery) -> list[object]:
    """Why a class is doubtful, in words."""
    fine, reasons = evidence.fine, []
    if fine.size == 0:
        return ["holds no sample"]
    if fine.stability is not None:
        reasons.append(f"stability {fine.stability:.2f} ({verdict(fine.stability)}), ")
    reasons.append(f"{percent(evidence.share_border)} border samples")
    if evidence.rival is None:
        return [*reasons]
    return [*reasons, ", nearest ", class_link(discovery.classes[evidence.rival.fine])]


def _certified(solved: SourceRelation) -> str:
    proven = "is proven optimal" if solved.gap <= PROVEN else "is not proven optimal"
    return (
        f"The relation {proven}: objective {number(solved.objective)}, bound "
        f"{number(solved.bound)}, gap {number(solved.gap)}; solved by {solved.method} in "
        f"{duration(solved.seconds)} with status “{solved.status}”."
    )


def _solve_record(solved: SourceRelation) -> Html:
    text = json.dumps(dict(solved.certificate), indent=1, ensure_ascii=False, default=str)
    shown = text if len(text) <= 4000 else f"{text[:4000]}\n… whole in discovery.json"
    return folded("Certificate", element("pre", shown))
