"""The queue of a desk: ranked anew after every correction, without keeping anybody waiting.

Where ranking is quick it is done at once. On large results it takes seconds, the first time half a
minute of a million samples: then the questions of before are given, less those that the
corrections since are about (none at first), and the new ranking is made by a thread from a copy of
the review. `fresh` says which of the two came.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from falcon_svc.triage.evidence import stability_of, suspected
from falcon_svc.triage.questions import Question, Reply
from falcon_svc.triage.queue import Queue
from falcon_svc.triage.revisions import Revision
from falcon_svc.triage.scene import Scene
from falcon_svc.triage.session import Session
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.split import Cut
from falcon_svc.triage.state import Review

MOST_QUESTIONS = 200
QUICK_S = 0.08
"""Rankings that took longer are made beside."""

PATIENCE_S = 0.8
"""How long the first ranking is waited for."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Ranked:
    """Questions as they were ranked at a revision, and the seconds that it took."""

    head: str
    questions: list[Document]
    seconds: float


@dataclass(frozen=True)
class Work:
    """What is to be ranked: a review, its placement and stabilities, at a head, by a queue."""

    review: Review
    placement: Placement
    stability: dict[int, float]
    head: str
    queue: Queue


class Asking:
    """Asks about one review; its owner holds a lock around every call.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session, self._queue = session, Queue()
        self._cuts: dict[bytes, Cut] = {}
        self._ranked: Ranked | None = None
        self._thread: threading.Thread | None = None
        self._failed: Exception | None = None

    def learn(self, question: Question, reply: Reply) -> None:
        """Take in how an answer came out."""
        self._queue.learn(question, reply)

    def questions(self, most: int) -> Document:
        """Return the questions worth most, best first, and whether they are ranked at this head."""
        ranked, head = self._ranked, self._session.head
        if ranked is None:
            begins = self._thread is None or not self._thread.is_alive()
            self._rank_beside()
            self.wait(PATIENCE_S if begins else 0)
        elif ranked.head != head and ranked.seconds <= QUICK_S:
            self._rank(self._work())
        elif ranked.head != head:
            self._rank_beside()
        found = self._ranked or Ranked("", [], 0.0)
        fresh = found.head == head
        left = found.questions if fresh or not found.questions else self._left(found)
        return {"total": len(left), "questions": left[:most], "fresh": fresh}

    def wait(self, most_s: float | None = None) -> None:
        """Wait for a ranking that is being made; what went wrong with it is raised here."""
        if self._thread is not None:
            self._thread.join(most_s)
        if self._failed is not None:
            error, self._failed = self._failed, None
            raise error

    def _rank_beside(self) -> None:
        self.wait(0)
        if self._thread is not None and self._thread.is_alive():
            return  # it is ranking an earlier head; whoever asks next starts the next one
        self._thread = threading.Thread(target=self._try, args=(self._work(),), daemon=True)
        self._thread.start()

    def _try(self, work: Work) -> None:
        try:
            self._rank(work)
        except Exception as error:  # for whoever asks
            self._failed = error

    def _work(self) -> Work:
        """Return what is to be ranked, in copies that later corrections do not change."""
        session = self._session
        return Work(
            *(session.review.copy(), session.placement, stability_of(session)),
            head=session.head,
            queue=copy.deepcopy(self._queue),
        )

    def _rank(self, work: Work) -> None:
        """Cuts of classes that did not change are kept from one ranking to the next."""
        began, session = time.perf_counter(), self._session
        scene = Scene(
            *(work.review, work.placement, session.inputs),
            *(session.neighbors(work.review), work.stability),
            cuts=self._cuts,
            suspects=suspected(session.discovery),
        )
        found = work.queue.questions(scene, MOST_QUESTIONS)
        documents = [question.model_dump(mode="json") for question in found]
        self._ranked = Ranked(work.head, documents, time.perf_counter() - began)

    def _left(self, ranked: Ranked) -> list[Document]:
        """Leave out the questions that the corrections since the ranking are about."""
        alive, told = self._session.review.classes, _told(self._session.log.since(ranked.head))
        return [
            question
            for question in ranked.questions
            if not _about(question) & told
            and all(int(name[1:]) in alive for name in _classes_of(question))
        ]


def _told(revisions: Iterable[Revision]) -> set[str]:
    """Ids of the classes and samples that corrections name."""
    documents = (one.correction.model_dump(mode="json") for one in revisions)
    return {text for document in documents for text in _texts(document)}


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _about(question: Document) -> set[str]:
    """What an answer would change: the classes that are asked about, and the samples shown."""
    classes = {question[part]["class_id"] for part in MAIN if part in question}
    samples = (question.get(part, ()) for part in ("samples", "part", "look_at"))
    every = {name for names in samples for name in names}
    return classes | every | {question.get("sample", "")}


MAIN = ("first", "second", "rest", "to", "shown")
"""Parts of a question that are the classes it is about; candidates are only offered."""


def _classes_of(question: Document) -> set[str]:
    offered = {one["class_id"] for one in question.get("candidates", ())}
    return offered | {question[part]["class_id"] for part in MAIN if part in question}
