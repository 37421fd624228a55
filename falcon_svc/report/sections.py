"""What the report's sections show, as plain data: doubts, key figures, certificates.

Place: composed by `page`, drawn by the templates, which hold the words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from falcon_svc.report import figures
from falcon_svc.report.evidence import (
    Evidence,
    mixups,
    share_of_border_samples,
    share_of_suspects,
)
from falcon_svc.report.exemplars import Exemplars, Shown
from falcon_svc.report.picture import Picture
from falcon_svc.result.ancestry import Ancestry, Lineage
from falcon_svc.result.doubt import BORDER_MARGIN
from falcon_svc.result.record import Discovery, FineClass, LabelNoise, SharedPair, SourceRelation
from falcon_svc.result.words import verdict

N_DOUBTFUL, N_MIXUPS, N_CHANGED = 8, 6, 40
PROVEN = 1e-6  # largest gap of a proven optimum: rounding
CERTIFICATE_LETTERS = 4000


@dataclass(frozen=True)
class Headline:
    """The answer in figures.

    Parameters
    ----------
    n_repeatable, n_judged
        Classes that come back, of those whose stability is known.
    share_border, border_margin
        Share of samples at a border, and the margin below which a sample is.
    share_suspect, labels_judged
        Share of labels that look wrong, and whether labels were judged.
    confidence
        Median over samples.
    gap, proven
        The largest of all relations, and whether it is only rounding.
    computing_s
        Seconds of all stages together.
    waited_s
        Seconds since the program or the call began, until the page was made: libraries loaded and
        data read, too; None = it is not known when that was.
    """

    n_repeatable: int
    n_judged: int
    share_border: float
    border_margin: float
    share_suspect: float
    labels_judged: bool
    confidence: float
    gap: float
    proven: bool
    computing_s: float
    waited_s: float | None


def headline(discovery: Discovery, began: float | None) -> Headline:
    """Return the answer in figures; `began` is a moment in monotonic seconds."""
    gap = max(relation.gap for relation in discovery.relations)
    known = [c.stability for c in discovery.classes if c.stability is not None]
    return Headline(
        n_repeatable=sum(verdict(stability) == "repeatable" for stability in known),
        n_judged=len(known),
        share_border=share_of_border_samples(discovery),
        border_margin=BORDER_MARGIN,
        share_suspect=share_of_suspects(discovery),
        labels_judged=bool(discovery.label_noise),
        confidence=float(np.median(discovery.assignments.confidence)),
        gap=gap,
        proven=gap <= PROVEN,
        computing_s=sum(stage.seconds for stage in discovery.stages),
        waited_s=None if began is None else time.monotonic() - began,
    )


@dataclass(frozen=True)
class FirstLook:
    """A doubtful class: its coarse class, and the class that it is most easily mistaken for."""

    evidence: Evidence
    inside: str
    nearest: FineClass | None


def first_looks(discovery: Discovery, evidence: Sequence[Evidence]) -> list[FirstLook]:
    """Return the most doubtful classes, most doubtful first."""
    solved = discovery.relations[0]
    return [
        FirstLook(
            evidence=one,
            inside=solved.coarse_names[one.fine.coarse[solved.source]],
            nearest=None if one.rival is None else discovery.classes[one.rival.fine],
        )
        for one in sorted(evidence, key=_doubt, reverse=True)[:N_DOUBTFUL]
    ]


def _doubt(evidence: Evidence) -> float:
    stability = 0.7 if evidence.fine.stability is None else evidence.fine.stability
    pull = evidence.rival.pull if evidence.rival else 0.0
    return (1 - stability) + evidence.share_border + pull + (evidence.fine.size == 0)


@dataclass(frozen=True)
class DoubtedPair:
    """Samples with one coarse label that look like another."""

    labelled: str
    likely: str
    n_samples: int
    examples: Shown


@dataclass(frozen=True)
class LabelDoubts:
    """Coarse labels that may be wrong; `noise` is None where labels were not judged."""

    noise: LabelNoise | None
    asked: bool
    pairs: tuple[DoubtedPair, ...]


def label_doubts(discovery: Discovery, exemplars: Exemplars) -> LabelDoubts | None:
    """Return the labels in doubt by pairs of classes; None where there is nothing to tell."""
    found, asked = mixups(discovery, N_MIXUPS), _judging_asked(discovery)
    if not found and not asked:
        return None
    names = discovery.relations[0].coarse_names
    pairs = (
        DoubtedPair(names[m.coarse], names[m.likely], len(m.rows), exemplars.examples(m.rows))
        for m in found
    )
    return LabelDoubts(discovery.noise_of(discovery.sources[0].name), asked, tuple(pairs))


def _judging_asked(discovery: Discovery) -> bool:
    """Whether the settings asked for labels to be judged."""
    labels: Mapping[str, Any] = discovery.config.get("labels", {})
    return bool(labels.get("coarse_noise", "none") != "none")


@dataclass(frozen=True)
class Overlap:
    """Two fine classes of different coarse classes that cannot be told apart."""

    pair: SharedPair
    classes: tuple[tuple[FineClass, str], ...]


def overlaps(discovery: Discovery) -> list[Overlap]:
    """Return the pairs of classes whose labels overlap, each class with its coarse class."""
    solved = discovery.relations[0]

    def at_home(number: int) -> tuple[FineClass, str]:
        fine = discovery.classes[number]
        return fine, solved.coarse_names[fine.coarse[solved.source]]

    return [Overlap(pair, tuple(map(at_home, pair.fine))) for pair in discovery.shared_pairs]


@dataclass(frozen=True)
class SolvedRelation:
    """A label source's relation: how it was solved, its heat map, its certificate as JSON."""

    solved: SourceRelation
    picture: Picture
    proven: bool
    certificate: str


def relations(discovery: Discovery) -> list[SolvedRelation]:
    """Return each source's relation."""
    return [
        SolvedRelation(
            solved=one,
            picture=figures.relation_heat_map(one),
            proven=one.gap <= PROVEN,
            certificate=_certificate(one),
        )
        for one in discovery.relations
    ]


def _certificate(solved: SourceRelation) -> str:
    text = json.dumps(dict(solved.certificate), indent=1, ensure_ascii=False, default=str)
    if len(text) <= CERTIFICATE_LETTERS:
        return text
    return f"{text[:CERTIFICATE_LETTERS]}\n… whole in discovery.json"


@dataclass(frozen=True)
class Changed:
    """What became of an earlier review's classes: those that changed most, and how many more."""

    found: Ancestry
    lines: tuple[Lineage, ...]
    n_more: int


def ancestry(found: Ancestry) -> Changed:
    """Return the classes that changed most: those that came and went, then the least alike."""
    changed = [line for line in found.lineage if line.what != "kept" or line.overlap < 1]
    lines = sorted(changed, key=lambda line: (line.what == "kept", line.overlap))[:N_CHANGED]
    return Changed(found, tuple(lines), len(found.lineage) - len(lines))
