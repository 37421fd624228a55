"""A review of a result directory: the result, its revisions, and the state they add up to.

This is the door to triage for the command line, the page and the service. The review lies in the
folder ``review`` of the result: ``revisions.jsonl`` and ``solutions/``. Nothing else of the
result is ever written to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.progress import Progress
from falcon_svc.result.files import REVIEW, read_discovery, read_features
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.record import Discovery, FineClass
from falcon_svc.result.samples import read_about
from falcon_svc.triage.corrections import Continued, Correction, Redo, Resolved, Undo
from falcon_svc.triage.diff import Diff, compare
from falcon_svc.triage.edits import apply
from falcon_svc.triage.folding import Folded, Folds
from falcon_svc.triage.head import EPOCHS
from falcon_svc.triage.near import Near
from falcon_svc.triage.resolve import Resolution, resolve
from falcon_svc.triage.revisions import Revision, RevisionLog, drafts, in_force
from falcon_svc.triage.solutions import Placement, save_placement
from falcon_svc.triage.state import Review
from falcon_svc.triage.words import sentence_of, stability_verdict
from falcon_svc.types import AboutColumn, FloatArray, IntArray

REVISIONS, SOLUTIONS = "revisions.jsonl", "solutions"
STEPS = (Undo, Redo, Resolved, Continued)
"""Corrections after which the state is built again from its files."""


@dataclass(frozen=True)
class LogEntry:
    """One line of the change log; `in_force` is False once it was taken back."""

    revision: str
    author: str
    time: str
    reason: str
    text: str
    in_force: bool


@dataclass(frozen=True)
class Solved:
    """What `Session.resolve` did: its revision and the diff."""

    revision: Revision
    diff: Diff


class Session:
    """The review of one result.

    Parameters
    ----------
    directory : Path
        Result of `falcon discover`.
    folder : Path, optional
        Where the review lies; None = in the result, under ``review``.

    Raises
    ------
    InputError, StorageError
        There is no such result, or result or review are damaged.
    """

    def __init__(self, directory: Path, *, folder: Path | None = None) -> None:
        self.directory = Path(directory)
        self.folder = self.directory / REVIEW if folder is None else Path(folder)
        self.discovery: Discovery = read_discovery(self.directory)
        self.log = RevisionLog(self.folder / REVISIONS)
        self._folds = Folds(self.discovery, self.folder / SOLUTIONS)
        self._near = Near()
        self._fold()

    @property
    def head(self) -> str:
        """Id of the newest revision known here: what `expected` has to be."""
        return self.log.head

    @cached_property
    def features(self) -> FloatArray:
        """(N, D) features of the result."""
        return read_features(self.directory)

    @cached_property
    def inputs(self) -> FloatArray:
        """(N, D) head inputs of the result's model."""
        return Predictor.load(self.directory).inputs_of(self.features)

    @cached_property
    def about(self) -> tuple[AboutColumn, ...]:
        """Columns about the samples that the result keeps, no features and no labels."""
        return read_about(self.directory)

    @property
    def placement(self) -> Placement:
        """The present classes with confidence: of the last re-solve, or the result's own."""
        return self._placement

    def confidence(self) -> FloatArray:
        """Return how sure the class of every sample (N,) is: 1 where a person placed it.

        NaN where a correction since the last re-solve put the sample where it is, or nowhere.
        """
        judged = self.review.fine == self.placement.fine
        known = np.where(judged, self.placement.confidence, np.nan)
        return np.where(self.review.fixed, 1.0, known).astype(np.float32)

    def found_as(self, number: int) -> FineClass | None:
        """Return the class of the run that a class of the review was found as; None = none."""
        found = self.review.classes[number].found
        return self.discovery.classes[found] if 0 <= found < self.discovery.n_fine else None

    @cached_property
    def judged(self) -> tuple[tuple[float | None, str], ...]:
        """(F,) stability of each class of the run, rounded, and its verdict."""
        return tuple(
            (None if c.stability is None else round(c.stability, 4), stability_verdict(c.stability))
            for c in self.discovery.classes
        )

    def number_of(self, found: int) -> int | None:
        """Return the number of the class that was found as a class of the run; None = none."""
        return next((n for n, held in self.review.classes.items() if held.found == found), None)

    def corrections_in_force(self) -> bool:
        """Return whether anything was corrected that was not taken back."""
        return bool(in_force(self.log.revisions))

    def refresh(self) -> tuple[Revision, ...]:
        """Take over what others have appended, and return it."""
        fresh = self.log.refresh()
        if fresh:
            self._fold()
        return fresh

    def submit(
        self,
        corrections: Sequence[Correction],
        *,
        author: str,
        expected: str,
        reason: str = "",
    ) -> tuple[Revision, ...]:
        """Make corrections, all or none; they are on the disk when this returns.

        Parameters
        ----------
        corrections : sequence of Correction
        author, reason : str
            Plain text.
        expected : str
            The head that the reviewer saw.

        Raises
        ------
        CorrectionError
            One of them cannot be made; the sentence says why.
        StaleRevisionError
            Somebody else was faster; `since` says what changed.
        StorageError
            The disk does not take it.
        """
        self.refresh()

        try:
            return self.log.append(
                corrections, author=author, expected=expected, reason=reason, check=self._plan
            )
        except BaseException:
            self._fold()
            raise

    def plan(self, corrections: Sequence[Correction]) -> None:
        """Make corrections in memory only, to `preview` what they would change.

        Raises
        ------
        CorrectionError
            One of them cannot be made.
        """
        self._plan(drafts(corrections, parent=self.head, author="nobody", time=datetime.now(UTC)))

    def undo(self, *, author: str, expected: str, reason: str = "") -> Revision:
        """Take back the last correction in force; itself a revision."""
        return self.submit([Undo()], author=author, expected=expected, reason=reason)[0]

    def redo(self, *, author: str, expected: str, reason: str = "") -> Revision:
        """Put back what was taken back last; itself a revision."""
        return self.submit([Redo()], author=author, expected=expected, reason=reason)[0]

    def preview(
        self,
        *,
        epochs: int = EPOCHS,
        seed: int = 0,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Resolution:
        """Solve again without changing anything; see `falcon_svc.triage.resolve.resolve`."""
        return resolve(
            self.review,
            self.features,
            self.neighbors(),
            epochs=epochs,
            seed=seed,
            progress=progress,
            cancelled=cancelled,
        )

    def resolve(
        self,
        *,
        author: str,
        reason: str = "",
        epochs: int = EPOCHS,
        seed: int = 0,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Solved:
        """Solve again and take the answer over.

        Raises
        ------
        ContradictionError, CancelledError, StaleRevisionError
            Nothing was changed; the last where somebody made a correction in the meantime.
        """
        head, before = self.head, self.review
        found = self.preview(epochs=epochs, seed=seed, progress=progress, cancelled=cancelled)
        diff = compare(before, found.placement)
        digest = save_placement(self.folder / SOLUTIONS, found.placement)
        step = Resolved(solution=digest, summary=diff.sentence())
        revision = self.submit([step], author=author, expected=head, reason=reason)[0]
        return Solved(revision, diff)

    def neighbors(self, review: Review | None = None) -> IntArray:
        """(N, K) nearest samples of the same coarse label as corrected; kept until one changes.

        `review` is a copy of the present one, for threads.
        """
        return self._near.all(self.inputs, review or self.review)

    def neighbors_of(self, rows: IntArray) -> IntArray:
        """(n, K) nearest samples of some rows, without a search for those of all."""
        return self._near.of(rows, self.inputs, self.review)

    def change_log(self) -> list[LogEntry]:
        """Return every revision in words, oldest first."""
        counted = {revision.id for revision in in_force(self.log.revisions)}
        steps = (Undo, Redo)
        return [
            LogEntry(
                *(r.id, r.author, r.time, r.reason),
                text=sentence_of(r.correction, self.review),
                in_force=r.id in counted or isinstance(r.correction, steps),
            )
            for r in self.log.revisions
        ]

    def document(self) -> dict[str, Any]:
        """Return the state JSON-ready: the head and every class with size and parents."""
        review = self.review
        sizes = np.bincount(review.fine[review.fine >= 0], minlength=review.next_number)
        return {
            "head": self.head,
            "n_samples": len(review.ids),
            "n_unplaced": int((review.fine < 0).sum()),
            "classes": [
                {
                    "id": held.id,
                    "name": held.name,
                    "named": held.named,
                    "parents": [review.coarse_names[q] for q in held.parents],
                    "status": held.status,
                    "colour": held.colour,
                    "size": int(sizes[held.number]),
                    "born_of": list(held.born_of),
                }
                for held in review.classes.values()
            ],
        }

    def _plan(self, fresh: Sequence[Revision]) -> None:
        """Take drafts over in memory; on an error `submit` folds what is on the disk again."""
        if any(isinstance(draft.correction, STEPS) for draft in fresh):
            self._take(self._folds.after(in_force([*self.log.revisions, *fresh])))
        else:
            for draft in fresh:
                apply(self.review, draft.correction)

    def at(self, count: int) -> Folded:
        """Return the review after the first `count` revisions."""
        return self._folds.after(in_force(self.log.revisions[:count]))

    def _fold(self) -> None:
        """Build the state again from the result and all corrections in force."""
        self._take(self.at(len(self.log.revisions)))

    def _take(self, now: Folded) -> None:
        self.review, self._placement, self.ancestry = now.review, now.placement, now.ancestry
