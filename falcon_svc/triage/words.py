"""Corrections as sentences, for the change log; stabilities in a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from falcon_svc.result.words import verdict
from falcon_svc.triage.corrections import (
    Accept,
    CannotLink,
    Continued,
    Correction,
    Exclude,
    Forbid,
    KeepApart,
    Label,
    LinkSamples,
    Merge,
    Move,
    MustLink,
    Pin,
    Redo,
    Reject,
    Rename,
    Resolved,
    Split,
    Undo,
    Whole,
    WrongCoarse,
)
from falcon_svc.triage.state import Review

ARTEFACT = 0.4
"""Stability under which a class is called an artefact of its run."""

HOW = {"selection": "by selection", "into_k": "as many as asked for", "automatic": "automatically"}


def stability_verdict(stability: float | None) -> str:
    """Return a stability in a word; under 0.4 the class is an artefact of its run."""
    if stability is not None and stability < ARTEFACT:
        return "artefact"
    return verdict(stability)


def sentence_of(correction: Correction, review: Review) -> str:
    """Return what a correction did, with the names that its classes have now."""
    return f"{_clause(correction, review)}."


def _clause(correction: Correction, review: Review) -> str:  # noqa: PLR0911, PLR0912 - one case a kind
    def name(class_id: str) -> str:
        held = review.classes.get(int(class_id[1:]))
        return class_id if held is None else f"{held.name!r} ({class_id})"

    match correction:
        case Rename():
            return f"Renamed {correction.class_id} to {correction.name!r}"
        case Accept(looked=looked, wrong=wrong):
            seen = (
                f" after looking at {looked:,} samples, {wrong:,} of them wrong" if looked else ""
            )
            return f"Accepted {name(correction.class_id)}{seen}"
        case Reject():
            return f"Rejected {name(correction.class_id)}"
        case Merge():
            return f"Merged {' and '.join(map(name, correction.class_ids))}"
        case Split():
            parts = len(correction.parts)
            how = HOW[correction.how]
            return f"Split {name(correction.class_id)} into {parts + 1} classes, {how}"
        case Move():
            return f"Moved {_samples(correction.samples)} to {name(correction.class_id)}"
        case Label():
            return f"Confirmed {_samples(correction.samples)} in {name(correction.class_id)}"
        case Exclude():
            return f"Took {_samples(correction.samples)} out of {name(correction.class_id)}"
        case WrongCoarse(coarse=None):
            return f"Said that the coarse label of {_samples(correction.samples)} is wrong"
        case WrongCoarse():
            where = repr(correction.coarse)
            return f"Changed the coarse label of {_samples(correction.samples)} to {where}"
        case Pin():
            return f"Pinned {name(correction.class_id)} under {correction.coarse!r}"
        case Forbid():
            return f"Forbade {name(correction.class_id)} under {correction.coarse!r}"
        case Whole():
            return f"Said that {name(correction.class_id)} is one class"
    return _pair_clause(correction, name)


def _pair_clause(correction: Correction, name: Callable[[str], str]) -> str:  # noqa: PLR0911
    match correction:
        case MustLink():
            ends = f"{name(correction.class_id)} and {name(correction.other)}"
            return f"Tied {ends} to one coarse class"
        case CannotLink():
            ends = f"{name(correction.class_id)} and {name(correction.other)}"
            return f"Tied {ends} to different coarse classes"
        case KeepApart():
            return f"Said that {name(correction.class_id)} and {name(correction.other)} are two"
        case LinkSamples(together=together):
            verb = "belong together" if together else "do not belong together"
            return f"Said that {correction.sample!r} and {correction.other!r} {verb}"
        case Resolved():
            return f"Solved again: {correction.summary.rstrip('.')}"
        case Continued():
            return f"Went on from an earlier review: {correction.summary.rstrip('.')}"
        case Undo():
            return "Took back the last correction"
        case Redo():
            return "Put back what was taken back last"
    raise AssertionError(correction)


def _samples(ids: Sequence[str]) -> str:
    return repr(ids[0]) if len(ids) == 1 else f"{len(ids):,} samples"
