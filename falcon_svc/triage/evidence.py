"""The evidence for one class: what a reviewer needs to believe it, mend it or doubt it.

Everything is JSON-ready by `Evidence.document`; samples are given by id. `collect` needs the
session only; with the data set it also tells words and named features.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from falcon_svc.result.record import Discovery, SharedPair
from falcon_svc.triage.apart import Lift, Mark, class_words, effect_sizes, value_lifts
from falcon_svc.triage.parents import SourceEvidence, parent_words, source_evidence
from falcon_svc.triage.scene import Scene
from falcon_svc.triage.session import Session
from falcon_svc.triage.words import stability_verdict
from falcon_svc.types import AboutColumn, CoarseDataset, FloatArray, IntArray

N_SHOWN = 9
BORDER_MARGIN = 0.2
MOST_SUSPECTS = 12


@dataclass(frozen=True)
class Border:
    """A sample beside the rival class: its probability there and here."""

    sample: str
    rival_id: str
    confidence: float
    rival: float


@dataclass(frozen=True)
class Suspect:
    """A sample whose coarse label looks wrong, and the one it looks like."""

    sample: str
    coarse: str | None
    proposed: str | None


@dataclass(frozen=True)
class Evidence:
    """One class's card.

    Attributes
    ----------
    class_id, name, status : str
    parents : tuple of str
    size : int
    mean_confidence : float in [0, 1]
    stability : float or None
        None where it was not measured.
    verdict : str
        "repeatable", "fair", "shaky", "artefact" or "unknown".
    medoids, diverse : tuple of str
        Most central members; members that are far from each other, the centre first.
    border : tuple of Border
        Least certain members.
    rival_id : str or None
        The sibling that it is most easily mistaken for.
    parent_words : str
        How sure the parent is, in a sentence.
    words, features : tuple of Mark
    values : tuple of Lift
        Values of other columns, and labels of other sources, that it has more often than its
        coarse classes.
    sources : tuple of SourceEvidence
        Where it hangs in the further label sources.
    suspects : tuple of Suspect
    overlaps : tuple of str
        Sentences on classes of other parents that look like this one.
    """

    class_id: str
    name: str
    status: str
    parents: tuple[str, ...]
    size: int
    mean_confidence: float
    stability: float | None
    verdict: str
    medoids: tuple[str, ...]
    diverse: tuple[str, ...]
    border: tuple[Border, ...]
    rival_id: str | None
    parent_words: str
    words: tuple[Mark, ...]
    features: tuple[Mark, ...]
    values: tuple[Lift, ...]
    sources: tuple[SourceEvidence, ...]
    suspects: tuple[Suspect, ...]
    overlaps: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the card JSON-ready."""
        return asdict(self)


def scene_of(session: Session) -> Scene:
    """Return the figures of a session's present review."""
    return Scene(
        *(session.review, session.placement, session.inputs, session.neighbors()),
        stability_of(session),
        suspects=suspected(session.discovery),
    )


def stability_of(session: Session) -> dict[int, float]:
    """Return the stability by number of class, where it was measured."""
    found = {number: session.found_as(number) for number in session.review.classes}
    return {n: c.stability for n, c in found.items() if c is not None and c.stability is not None}


def suspected(discovery: Discovery) -> dict[int, tuple[int, float]]:
    """Return row -> (coarse class that the sample looks like, probability of a wrong label).

    Where labels were not judged, the probability is half of how unsure the sample's own class is.
    """
    likely = discovery.likely_coarse
    noise = discovery.noise_of(discovery.sources[0].name)
    doubt = (1 - discovery.assignments.confidence) / 2 if noise is None else noise.wrong_probability
    return {
        int(row): (int(likely[row]), float(doubt[row]))
        for row in discovery.suspects.tolist()
        if likely[row] >= 0
    }


def collect(
    session: Session,
    class_id: str,
    *,
    scene: Scene | None = None,
    dataset: CoarseDataset | None = None,
) -> Evidence:
    """Return the evidence of one class.

    Parameters
    ----------
    session : Session
    class_id : str
    scene : Scene, optional
        To be used for several classes.
    dataset : CoarseDataset, optional
        Adds the words and named features that set the class apart from its siblings.

    Raises
    ------
    CorrectionError
        There is no such class.
    """
    scene, review = scene or scene_of(session), session.review
    held = review.find(class_id)
    rows = scene.members(held.number)
    found = session.found_as(held.number)
    measured = None if found is None else found.stability
    rival = _rival(scene, rows)
    return Evidence(
        class_id=held.id,
        name=held.name,
        status=held.status,
        parents=tuple(review.coarse_names[q] for q in held.parents),
        size=len(rows),
        mean_confidence=float(scene.placement.confidence[rows].mean()) if len(rows) else 0.0,
        stability=measured,
        verdict=stability_verdict(measured),
        medoids=scene.names(rows[:N_SHOWN]),
        diverse=scene.names(diverse_rows(scene.inputs, rows, N_SHOWN)),
        border=_border(scene, rows),
        rival_id=None if rival is None else f"c{rival}",
        parent_words=parent_words(session, held.number),
        words=_words(session, scene, held.number, dataset),
        features=_features(session, scene, held.number, dataset),
        values=lifts(session, held.number),
        sources=source_evidence(session, held.number),
        suspects=_suspects(session, rows),
        overlaps=_overlaps(session, held.number),
    )


def diverse_rows(inputs: FloatArray, rows: IntArray, count: int) -> IntArray:
    """Return up to `count` rows, each the farthest from those before (Gonzalez 1985).

    The first is the most central one, so `rows` come most central first.
    """
    if not len(rows):
        return rows
    points, chosen = inputs[rows], [0]
    gap = ((points - points[0]) ** 2).sum(axis=1)
    while len(chosen) < min(count, len(rows)):
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return rows[chosen]


def lifts(session: Session, number: int) -> tuple[Lift, ...]:
    """Return the values of other columns and label sources that set a class apart."""
    review, further = session.review, session.discovery.sources[1:]
    labels = [
        AboutColumn(source.name, source.names, source.labels.astype(np.int32)) for source in further
    ]
    columns = [*session.about, *labels]
    if not columns:
        return ()
    parents = np.zeros(len(review.coarse_names) + 1, np.bool_)
    parents[list(review.classes[number].parents)] = True
    beside = np.flatnonzero(parents[review.coarse] | (review.fine == number))
    return value_lifts(columns, review.members(number), beside)


def _rival(scene: Scene, rows: IntArray) -> int | None:
    other = scene.placement.runner_up[rows]
    if not (other >= 0).any():
        return None
    pull = np.bincount(other[other >= 0], scene.placement.rival[rows][other >= 0])
    best = int(pull.argmax())
    return best if best in scene.review.classes else None


def _border(scene: Scene, rows: IntArray) -> tuple[Border, ...]:
    placed = scene.placement
    margin = placed.confidence[rows] - placed.rival[rows]
    unsure = rows[(margin < BORDER_MARGIN) & (placed.runner_up[rows] >= 0)]
    order = unsure[np.argsort((placed.confidence - placed.rival)[unsure], kind="stable")]
    return tuple(
        Border(
            scene.review.ids[row],
            f"c{placed.runner_up[row]}",
            float(placed.confidence[row]),
            float(placed.rival[row]),
        )
        for row in order[:N_SHOWN].tolist()
    )


def _siblings(scene: Scene, number: int) -> list[int]:
    parents = set(scene.review.classes[number].parents)
    return [n for n in scene.numbers if set(scene.review.classes[n].parents) & parents]


def _words(
    session: Session, scene: Scene, number: int, dataset: CoarseDataset | None
) -> tuple[Mark, ...]:
    if dataset is None or dataset.texts is None:
        return ()
    text = dict(zip(dataset.ids, dataset.texts, strict=True))
    groups = {
        n: [text.get(name, "") for name in scene.names(scene.members(n))]
        for n in {*_siblings(scene, number), number}
    }
    return class_words(groups)[number]


def _features(
    session: Session, scene: Scene, number: int, dataset: CoarseDataset | None
) -> tuple[Mark, ...]:
    if dataset is None or dataset.vectors is None or dataset.reading.features is None:
        return ()
    if dataset.ids != session.review.ids:
        return ()
    others = [scene.members(n) for n in _siblings(scene, number) if n != number]
    if not others:
        return ()
    vectors = dataset.vectors
    return effect_sizes(
        np.asarray(vectors[scene.members(number)]),
        np.asarray(vectors[np.concatenate(others)]),
        dataset.reading.features,
    )


def _suspects(session: Session, rows: IntArray) -> tuple[Suspect, ...]:
    found = session.discovery
    likely, names = found.likely_coarse, session.review.coarse_names
    mine = found.suspects[np.isin(found.suspects, rows)]
    mine = mine[session.review.coarse[mine] == session.review.given_coarse[mine]]
    return tuple(
        Suspect(
            found.ids[row],
            names[session.review.coarse[row]] if session.review.coarse[row] >= 0 else None,
            names[likely[row]] if likely[row] >= 0 else None,
        )
        for row in mine[:MOST_SUSPECTS].tolist()
    )


def _overlaps(session: Session, number: int) -> tuple[str, ...]:
    """Say which classes of other parents cannot be told from this one."""
    review, names = session.review, session.review.coarse_names
    a, sentences = review.classes[number], []
    for other, pair in lookalikes(session, number).items():
        b = review.classes[other]
        sentences.append(
            f"Your labels {names[a.parents[0]]!r} and {names[b.parents[0]]!r} overlap here: "
            f"{a.name!r} and {b.name!r} are told apart with an accuracy of "
            f"{100 * pair.balanced_accuracy:.0f} % (50 % is a coin)."
        )
    return tuple(sentences)


def lookalikes(session: Session, number: int) -> dict[int, SharedPair]:
    """Return the classes of other coarse classes that cannot be told from a class, by number."""
    found, alike = session.review.classes[number].found, {}
    for pair in session.discovery.shared_pairs:
        if found in pair.fine:
            other = session.number_of(sum(pair.fine) - found)
            if other is not None:
                alike[other] = pair
    return alike
