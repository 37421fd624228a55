"""What is shown of one sample and of one class, JSON-ready."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Any

from falcon_svc.result.predictor import Predictor
from falcon_svc.review.content import Content
from falcon_svc.review.gallery import marks, ordered_rows
from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.triage.evidence import lifts, lookalikes
from falcon_svc.triage.parents import SourceEvidence, parent_words, source_evidence
from falcon_svc.triage.session import Session
from falcon_svc.types import IntArray

N_MARKS = 24
Document = dict[str, Any]


class Cards:
    """Writes cards of samples and classes.

    Parameters
    ----------
    session : Session
    content : Content
        Texts and images.
    """

    def __init__(self, session: Session, content: Content) -> None:
        self._session, self.content = session, content

    def sample(self, row: int, columns: list[int]) -> Document:
        """Return a sample; `columns` of its features make the heat strip."""
        review, placement = self._session.review, self._session.placement
        coarse, number = int(review.coarse[row]), int(review.fine[row])
        other = int(placement.runner_up[row])
        return {
            "row": row,
            "id": review.ids[row],
            "class_id": f"c{number}" if number >= 0 else None,
            "coarse": review.coarse_names[coarse] if coarse >= 0 else None,
            "confidence": round(float(placement.confidence[row]), 4),
            "runner_up": f"c{other}" if other in review.classes and other != number else None,
            "rival": round(float(placement.rival[row]), 4),
            "settled": bool(review.fixed[row]),
            "text": self.content.text(row),
            "picture": self.content.has_images,
            "values": [round(float(self._session.features[row, j]), 4) for j in columns],
        }

    def samples(self, ids: list[str], columns: list[int]) -> list[Document]:
        """Return samples by id; `columns` of their features make the heat strips.

        Raises
        ------
        CorrectionError
            There is no such sample.
        """
        known = self._session.review.row_of
        missing = next((name for name in ids if name not in known), None)
        if missing is not None:
            raise CorrectionError(
                f"Samples of this data set were expected, but it has no {missing[:60]!r}."
            )
        return [self.sample(known[name], columns) for name in ids]

    def evidence(self, number: int) -> Document:
        """Return what speaks for a class: marks, words, the price of other parents."""
        session, review = self._session, self._session.review
        held = review.classes[number]
        beside = {c.number for q in held.parents for c in review.siblings(q)} - {number}
        others = review.rows_of(beside)
        found = marks(session.features, review.members(number), others, N_MARKS)
        return {
            "class_id": held.id,
            "marks": [{**mark, "name": self._column_name(int(mark["column"]))} for mark in found],
            "words": self._words(number, beside),
            "parents": parent_words(session, number),
            "values": [asdict(one) for one in lifts(session, number)],
            "sources": [_source(one) for one in source_evidence(session, number)],
            "n_suspects": len(self.rows(number, "suspect")),
            "lookalikes": [f"c{other}" for other in lookalikes(session, number)],
        }

    def _words(self, number: int, beside: set[int]) -> list[str]:
        if self.content.texts is None:
            return []
        members = self._session.review.members
        groups = {n: members(n).tolist() for n in (number, *sorted(beside))}
        return self.content.marking_words(number, groups)

    def rows(self, number: int, order: str) -> IntArray:
        """Return the rows of a class in an order of `falcon_svc.review.gallery`."""
        session = self._session
        suspects = session.discovery.suspects
        kept = session.review.coarse[suspects] == session.review.given_coarse[suspects]
        return ordered_rows(
            order, number, session.review, session.placement, session.inputs, suspects[kept]
        )

    def says(self, row: int, words: str) -> bool:
        """Return whether a sample's id or text holds some words, case aside."""
        in_id = words.casefold() in self._session.review.ids[row].casefold()
        return in_id or self.content.matching(row, words)

    @cached_property
    def _names(self) -> tuple[str, ...] | None:
        return Predictor.load(self._session.directory).reading.features

    def _column_name(self, column: int) -> str | None:
        return None if self._names is None or column >= len(self._names) else self._names[column]


def _source(one: SourceEvidence) -> Document:
    labels = [{"name": name, "count": count} for name, count in one.labels]
    return asdict(one) | {"labels": labels}
