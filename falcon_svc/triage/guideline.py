"""The label guideline: per class what it looks like, what it does not, and examples.

One HTML page or one Markdown file per result. Everything that users wrote is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from falcon_svc.result.words import printable, shortened
from falcon_svc.triage.evidence import Evidence, collect, scene_of
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset

N_EXAMPLES = 5
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}table{border-collapse:collapse;width:100%}"
    "td,th{border:1px solid #8886;padding:.4rem .6rem;text-align:left;vertical-align:top}"
)


@dataclass(frozen=True)
class Entry:
    """One class of the guideline: lines of plain text."""

    name: str
    class_id: str
    looks_like: str
    unlike: str
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]


def entries(
    session: Session, dataset: CoarseDataset | None = None
) -> list[tuple[str, list[Entry]]]:
    """Return the guideline's chapters: each coarse class with its classes' entries."""
    scene, review = scene_of(session), session.review
    tell = _teller(dataset)
    cards = {n: collect(session, f"c{n}", scene=scene, dataset=dataset) for n in scene.numbers}
    chapters = []
    for q, coarse in enumerate(review.coarse_names):
        held = [c for c in review.siblings(q) if c.number in cards]
        held.sort(key=lambda c: c.name)
        chapters.append((coarse, [_entry(cards[c.number], cards, tell) for c in held]))
    return chapters


def guideline_markdown(session: Session, dataset: CoarseDataset | None = None) -> str:
    """Return the guideline as Markdown."""
    lines = ["# Label guideline", ""]
    for coarse, held in entries(session, dataset):
        lines += [f"## {_md(coarse)}", ""]
        for entry in held:
            lines += [f"### {_md(entry.name)} ({entry.class_id})", ""]
            lines += [f"- Looks like: {_md(entry.looks_like)}", f"- Not: {_md(entry.unlike)}"]
            lines += [f"- Example: {_md(text)}" for text in entry.examples]
            lines += [f"- Not this class: {_md(text)}" for text in entry.counter_examples]
            lines.append("")
    return "\n".join(lines)


def guideline_html(session: Session, dataset: CoarseDataset | None = None) -> str:
    """Return the guideline as one HTML page that needs nothing else."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Label guideline</title>",
        '<meta name=viewport content="width=device-width">',
        f"<style>{_STYLE}</style><h1>Label guideline</h1>",
    ]
    for coarse, held in entries(session, dataset):
        parts.append(f"<h2>{_html(coarse)}</h2><table>")
        parts.append("<tr><th>Class<th>Looks like<th>Does not look like</tr>")
        parts += [_html_row(entry) for entry in held]
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def _html_row(entry: Entry) -> str:
    good, bad = (
        "".join(f"<li>{_html(text)}" for text in texts)
        for texts in (entry.examples, entry.counter_examples)
    )
    return (
        f"<tr><td>{_html(entry.name)} ({entry.class_id})"
        f"<td>{_html(entry.looks_like)}<ul>{good}</ul><td>{_html(entry.unlike)}<ul>{bad}</ul></tr>"
    )


def _entry(card: Evidence, cards: dict[int, Evidence], tell: Callable[[str], str]) -> Entry:
    rival = None if card.rival_id is None else cards.get(int(card.rival_id[1:]))
    return Entry(
        name=card.name,
        class_id=card.class_id,
        looks_like=_looks(card),
        unlike="nothing near" if rival is None else f"{rival.name} ({_looks(rival)})",
        examples=tuple(map(tell, card.medoids[:N_EXAMPLES])),
        counter_examples=() if rival is None else tuple(map(tell, rival.medoids[:2])),
    )


def _looks(card: Evidence) -> str:
    if card.words:
        return ", ".join(mark.name for mark in card.words)
    if card.features:
        return ", ".join(
            f"{'high' if mark.value > 0 else 'low'} {mark.name}" for mark in card.features[:5]
        )
    return f"{card.size:,} samples, see the examples"


def _teller(dataset: CoarseDataset | None) -> Callable[[str], str]:
    if dataset is None or dataset.texts is None:
        return lambda name: name
    text = dict(zip(dataset.ids, dataset.texts, strict=True))
    return lambda name: shortened(text.get(name, name))


def _html(text: str) -> str:
    return html.escape(printable(text))


def _md(text: str) -> str:
    """Escape what Markdown or HTML inside it would read as markup."""
    line = html.escape(" ".join(printable(text).split()), quote=False)
    return "".join(f"\\{c}" if c in "\\`*_{}[]#|!~" else c for c in line)
