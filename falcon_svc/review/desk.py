"""The desk at which one review is worked on: everything that the page and the API ask for.

Place: the door of this package. A desk may be used from several threads; what depends on the
revision only is made once for each. Documents are JSON-ready.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from pydantic import TypeAdapter, ValidationError

from falcon_svc.review.acceptance import acceptance_of
from falcon_svc.review.asking import Asking
from falcon_svc.review.atlas import Atlas
from falcon_svc.review.cards import Cards
from falcon_svc.review.content import Content
from falcon_svc.review.differing import ancestry_bytes, placed
from falcon_svc.review.gallery import Look
from falcon_svc.review.overview import Overview
from falcon_svc.review.plane import map_bytes
from falcon_svc.review.selection import packed, with_ids
from falcon_svc.review.solving import Solver
from falcon_svc.triage.corrections import (
    Correction,
    CorrectionError,
    read_corrections,
)
from falcon_svc.triage.diff import compare
from falcon_svc.triage.exports import FORMATS, export
from falcon_svc.triage.imports import IMPORTS, Imported
from falcon_svc.triage.questions import Question, Reply, corrections_of
from falcon_svc.triage.revisions import ROOT, Revision, StaleRevisionError, plain_text
from falcon_svc.triage.session import Session
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.split import propose_split
from falcon_svc.triage.state import Review
from falcon_svc.types import IntArray

Made = TypeVar("Made")
Document = dict[str, Any]
_QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


class Desk:
    """One review.

    Parameters
    ----------
    directory : Path
        Result of `falcon discover`.
    folder : Path, optional
        Where the review lies; None = in the result.
    content : callable, optional
        Makes the texts and images, once they are asked for; default: what the result keeps.
    """

    def __init__(
        self,
        directory: Path,
        *,
        folder: Path | None = None,
        content: Callable[[Session], Content] = lambda s: Content.kept(s.directory, s.discovery),
    ) -> None:
        self._lock = threading.RLock()
        self.session = Session(directory, folder=folder)
        self.solver = Solver(self.session.directory, self.session.folder, self._solved)
        self._content = content
        self._made_cards: Cards | None = None
        self._overview, self._atlas = Overview(self.session), Atlas(self.session)
        self._asking = Asking(self.session)
        self._kept: dict[str, tuple[str, Any]] = {}

    @property
    def head(self) -> str:
        """Id of the newest revision, those of other processes included."""
        with self._lock:
            self.session.refresh()
            return self.session.head

    @property
    def cards(self) -> Cards:
        """What is shown of samples and classes."""
        with self._lock:
            if self._made_cards is None:
                self._made_cards = Cards(self.session, self._content(self.session))
            return self._made_cards

    def warm(self) -> None:
        """Make what the first view needs, and read the data set, before anybody waits for it."""
        self.state()
        self.map()
        self.cards.evidence(next(iter(self.session.review.classes)))

    def state(self) -> bytes:
        """Return the overview in JSON."""
        return self._once("state", self._overview.json)

    def samples(self, class_id: str, look: Look) -> Document:
        """Return samples of a class with what is shown of each."""
        with self._lock:
            number = self.session.review.find(class_id).number
            rows = self._looked(class_id, look)
            shown = rows[look.start : look.start + look.most]
            columns = self._columns(class_id)
            return {
                "total": len(rows),
                "class_id": f"c{number}",
                "samples": [self.cards.sample(row, columns) for row in shown.tolist()],
            }

    def matching(self, class_id: str, look: Look) -> Document:
        """Return all samples of a class that a look lets through, as a selection."""
        with self._lock:
            rows = self._looked(class_id, look)
            mask = np.zeros(len(self.session.review.ids), np.bool_)
            mask[rows] = True
            return {"count": len(rows), "rows": packed(mask)}

    def shown(self, ids: list[str], class_id: str | None = None) -> Document:
        """Return samples by id, with the values of the columns that set a class apart."""
        with self._lock:
            columns = [] if class_id is None else self._columns(class_id)
            return {"samples": self.cards.samples(ids, columns)}

    def evidence(self, class_id: str) -> Document:
        """Return what speaks for a class: marks, words, parents' regret, plan for accepting it."""
        with self._lock:
            number = self.session.review.find(class_id).number
            return self._once(f"evidence {number}", lambda: self.cards.evidence(number))

    def picture(self, row: int) -> bytes | None:
        """Return a sample's image as JPEG; None where there is none."""
        with self._lock:
            if not 0 <= row < len(self.session.review.ids):
                return None
            return self.cards.content.picture(row)

    def submit(
        self, documents: list[Document], *, author: str, expected: str, reason: str
    ) -> list[Revision]:
        """Make corrections, all or none; see `Session.submit`."""
        with self._lock:
            wanted = read_corrections(with_ids(documents, self.session.review.ids))
            return self._submitted(wanted, author=author, expected=expected, reason=reason)

    def take_in(
        self,
        form: str,
        data: bytes,
        *,
        author: str,
        expected: str,
        reason: str,
        dry_run: bool = False,
    ) -> tuple[Imported, list[Revision]]:
        """Make the corrections that a file of "label-studio" or "csv" says.

        Raises
        ------
        InputError
            The file is none of its format.
        StaleRevisionError
            Somebody else was faster.
        """
        with self._lock:
            self.session.refresh()
            found = IMPORTS[form](self.session.review, data)
            if dry_run or not found.corrections:
                return found, []
            made = list(found.corrections)
            return found, self._submitted(made, author=author, expected=expected, reason=reason)

    def answer(
        self, question: Document, reply: Document, *, author: str, expected: str
    ) -> list[Revision]:
        """Take the reply to a question of the queue; one that settles nothing makes none."""
        with self._lock:
            try:
                asked = _QUESTION.validate_python(question)
                said = Reply.model_validate(reply)
            except ValidationError as error:
                where = ".".join(map(str, error.errors()[0]["loc"]))
                raise CorrectionError(
                    f"A question of the queue with its reply was expected, but {where} is wrong; "
                    "send the question as it came."
                ) from error
            wanted = corrections_of(asked, said)
            fresh = (
                self._submitted(wanted, author=author, expected=expected, reason=asked.text)
                if wanted
                else []
            )
            self._asking.learn(asked, said)
            return fresh

    def proposed_split(self, class_id: str, k: int | None) -> Document:
        """Return the correction that splits a class into k, or automatically, and what it does."""
        with self._lock:
            session = self.session
            split = propose_split(
                session.review, class_id, session.inputs, session.neighbors_of, k=k
            )
            sizes = [len(part) for part in split.parts]
            held = session.review.find(class_id)
            rest = int((session.review.fine == held.number).sum()) - sum(sizes)
            columns = self._columns(class_id)
            shown = [self.cards.samples(list(part[:9]), columns) for part in split.parts]
            return {
                "correction": split.model_dump(mode="json"),
                "sizes": [rest, *sizes],
                "shown": shown,
            }

    def questions(self, most: int) -> Document:
        """Return the questions worth most now, best first; see `Asking`."""
        with self._lock:
            self.session.refresh()
            return self._asking.questions(most)

    def acceptance(
        self, class_id: str, *, purity: float, confidence: float, most_wrong: int
    ) -> Document:
        """Return how many samples to look at before a class is accepted, and which."""
        with self._lock:
            return acceptance_of(
                *(self.session.review, class_id),
                purity=purity,
                confidence=confidence,
                most_wrong=most_wrong,
            )

    def log(self, start: int, most: int) -> Document:
        """Return the change log, newest first, from the `start`-th entry."""
        with self._lock:
            self.session.refresh()
            made = self._once("log", lambda: [asdict(one) for one in self.session.change_log()])
            return {"total": len(made), "entries": made[::-1][start : start + most]}

    def since(self, revision: str) -> list[Document]:
        """Return what changed after a revision, in words."""
        with self._lock:
            count = len(self.session.log.since(revision))
            entries = self.session.change_log()
            return [asdict(one) for one in entries[len(entries) - count :]]

    def diff(self, before: str, after: str) -> Document:
        """Return what changed from one revision to another."""
        with self._lock:
            old, _ = self._at(before)
            return compare(old, placed(*self._at(after))).document()

    def resolve(self, *, revision: str, author: str, reason: str, seed: int) -> Document:
        """Begin a re-solve on top of the newest revision.

        Raises
        ------
        InputError, StaleRevisionError, BusyError
        """
        with self._lock:
            self.session.refresh()
            plain_text(author, reason)
            if revision != self.session.head:
                raise StaleRevisionError(revision, self.session.log.since(revision))
            self.solver.start(head=revision, author=author, reason=reason, seed=seed)
            return self.solver.current.document()

    def continue_from(
        self,
        earlier: Desk,
        *,
        keep_classes: bool,
        author: str,
        expected: str,
        reason: str,
    ) -> Revision:
        """Let this review go on from another; see `falcon_svc.triage.continuing`."""
        from falcon_svc.triage.continuing import continue_from

        review, head = earlier.snapshot()
        with self._lock:
            self.session.refresh()
            return continue_from(
                *(self.session, review),
                head=head,
                keep_classes=keep_classes,
                author=author,
                expected=expected,
                reason=reason,
            )

    def snapshot(self) -> tuple[Review, str]:
        """Return the review as it is now, which later corrections do not change, and its head."""
        with self._lock:
            self.session.refresh()
            return self.session.review.copy(), self.session.head

    def ancestry(self) -> bytes:
        """Return what became of an earlier review's classes in JSON; empty where there is none."""

        return self._once("ancestry", lambda: ancestry_bytes(self.session.ancestry))

    def map(self, coarse: str | None = None) -> bytes:
        """Return the map; inside one coarse class, others have no coordinates (NaN)."""
        with self._lock:
            return map_bytes(self._atlas.xy(coarse), self.session.review.fine)

    def lasso(
        self, corners: list[list[float]], *, coarse: str | None, class_id: str | None
    ) -> Document:
        """Return which samples lie in a polygon, of one class or of all."""
        with self._lock:
            mask = self._atlas.lasso(corners, coarse=coarse, class_id=class_id)
            return {"count": int(mask.sum()), "rows": packed(mask)}

    def export(self, form: str) -> tuple[str, bytes]:
        """Return the review in a format of `FORMATS`, with its file name; folders as a zip."""
        made = FORMATS[form]
        with self._lock, tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / made.name
            export(
                self.session,
                form,
                place,
                dataset=self.cards.content.dataset,
                source=self.cards.content.source,
            )
            if not made.folder:
                return made.name, place.read_bytes()
            packed_up = shutil.make_archive(str(Path(folder) / "packed"), "zip", place)
            return f"{made.name}.zip", Path(packed_up).read_bytes()

    def _columns(self, class_id: str) -> list[int]:
        """Columns of the features that set a class apart."""
        return [int(mark["column"]) for mark in self.evidence(class_id)["marks"]]

    def _submitted(
        self, wanted: list[Correction], *, author: str, expected: str, reason: str
    ) -> list[Revision]:
        fresh = self.session.submit(wanted, author=author, expected=expected, reason=reason)
        return list(fresh)

    def _solved(self) -> None:
        with self._lock:
            self.session.refresh()

    def _once(self, what: str, make: Callable[[], Made]) -> Made:
        """Return what was made at this revision, or make it."""
        with self._lock:
            self.session.refresh()
            head, made = self._kept.get(what, ("", None))
            if head != self.session.head:
                made = make()
                self._kept[what] = (self.session.head, made)
            return cast(Made, made)

    def _looked(self, class_id: str, look: Look) -> IntArray:
        session = self.session
        session.refresh()
        number = session.review.find(class_id).number
        key = f"rows {number} {look.order}"
        rows = self._once(key, lambda: self.cards.rows(number, look.order))
        if look.most_confidence < 1:
            rows = rows[session.placement.confidence[rows] <= look.most_confidence]
        if look.words:
            rows = rows[[self.cards.says(row, look.words) for row in rows.tolist()]]
        return rows

    def _at(self, revision: str) -> tuple[Review, Placement]:
        """Return the review as it was after a revision, with the re-solve then in force."""
        log = self.session.log
        then = self.session.at(len(log.revisions) - len(log.since(revision)))
        return then.review, then.placement


__all__ = ["ROOT", "Desk", "Look"]
