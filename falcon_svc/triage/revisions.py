"""Corrections as a chain of immutable revisions in an append-only file.

One JSON line per revision; its id is the sha256 of its content, the id of its parent included, so
that nothing in the middle can be changed unseen. A line counts once its newline is on the disk: a
crash leaves at worst a torn last line, which the next writer removes. Writers take a lock on the
file and name the head that they know; one that knows an older head is refused with what came
after it (optimistic concurrency, as HTTP's `If-Match`).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from falcon_svc.durable.files import lock, storage_errors, sync, sync_file
from falcon_svc.errors import FalconError, InputError, StorageError
from falcon_svc.triage.corrections import (
    CORRECTION,
    Correction,
    CorrectionError,
    Redo,
    Undo,
    clean_name,
    clean_reason,
)

ROOT = "0" * 64
"""Head of a review without revisions."""

MOST_LINE_BYTES = 256 << 20


@dataclass(frozen=True)
class Revision:
    """One correction with who made it, when, why, and on top of which revision.

    Attributes
    ----------
    id : str
        sha256 hex over all else.
    parent : str
        Id of the revision before; `ROOT` for the first.
    author, reason : str
        Plain text.
    time : str
        UTC, ISO 8601 with seconds.
    correction : Correction
    """

    id: str
    parent: str
    author: str
    time: str
    reason: str
    correction: Correction

    def document(self) -> dict[str, Any]:
        """Return the revision JSON-ready."""
        return {"id": self.id, **_content(self)}


class StaleRevisionError(FalconError):
    """The writer knew an older head; `since` is what was changed after it."""

    code = "stale_revision"

    def __init__(self, expected: str, since: Sequence[Revision]) -> None:
        self.expected, self.since = expected, tuple(since)
        who = sorted({revision.author for revision in since})
        super().__init__(
            f"The review was changed by {', '.join(who) or 'nobody'} since revision "
            f"{expected[:12]} (the newest is {since[-1].id[:12]}, {len(since):,} later); "
            "look at them, then send the correction again with that head."
            if since
            else f"Revision {expected[:12]!r} is not part of this review; read its head again."
        )


class RevisionLog:
    """The revisions of one review, on disk and in memory.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made by the first append.

    Raises
    ------
    StorageError
        The file was changed by something else; the sentence names the line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.revisions: list[Revision] = []
        self._read_bytes = 0
        self.refresh()

    @property
    def head(self) -> str:
        """Id of the newest revision that was read; `ROOT` where there is none."""
        return self.revisions[-1].id if self.revisions else ROOT

    def refresh(self) -> tuple[Revision, ...]:
        """Read what other writers have appended, and return it."""
        if not self.path.exists():
            return ()
        with self.path.open("rb") as file:
            file.seek(self._read_bytes)
            return self._take(file.read())

    def since(self, revision_id: str) -> tuple[Revision, ...]:
        """Return the revisions after one, oldest first.

        Raises
        ------
        StaleRevisionError
            There is no such revision in this review.
        """
        if revision_id == ROOT:
            return tuple(self.revisions)
        for number in range(len(self.revisions) - 1, -1, -1):
            if self.revisions[number].id == revision_id:
                return tuple(self.revisions[number + 1 :])
        raise StaleRevisionError(revision_id, ())

    def append(
        self,
        corrections: Sequence[Correction],
        *,
        author: str,
        expected: str,
        reason: str = "",
        check: Callable[[Sequence[Revision]], None] = lambda fresh: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> tuple[Revision, ...]:
        """Append corrections, all or none, and wait until they are on the disk.

        Parameters
        ----------
        corrections : sequence of Correction
            One revision each.
        author, reason : str
            Plain text.
        expected : str
            The head that the writer knows.
        check : callable
            Told the revisions under the lock, before they are written; may raise.
        now : callable
            The clock.

        Raises
        ------
        StaleRevisionError
            There are newer revisions than `expected`.
        StorageError
            The disk does not take it; nothing was appended.
        """
        fresh = drafts(corrections, parent=expected, author=author, reason=reason, time=now())
        what = f"The corrections could not be written to {self.path}"
        with storage_errors(what, remedy="free space and send them again"), self._locked() as file:
            self.refresh()
            if self.head != expected:
                raise StaleRevisionError(expected, self.since(expected))
            check(fresh)
            self._write(file, b"".join(_line(revision) for revision in fresh))
            self.revisions += fresh
        return fresh

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """Open for appending, alone; the lock ends with the file."""
        existed = self.path.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab", buffering=0) as file:
            lock(file)
            if not existed:
                sync(self.path.parent)
            yield file

    def _write(self, file: IO[bytes], lines: bytes) -> None:
        """Append behind the last whole line; what cannot be made durable is taken back."""
        os.ftruncate(file.fileno(), self._read_bytes)
        try:
            left = memoryview(lines)
            while left:  # unbuffered: nothing may be flushed after a failure
                left = left[file.write(left) :]
            sync_file(file)
        except OSError:
            os.ftruncate(file.fileno(), self._read_bytes)
            raise
        self._read_bytes += len(lines)

    def _take(self, data: bytes) -> tuple[Revision, ...]:
        """Read whole lines; what follows the last newline was not finished and does not count."""
        whole = data[: data.rfind(b"\n") + 1]
        fresh: list[Revision] = []
        for line in whole.split(b"\n")[:-1]:
            parent = fresh[-1].id if fresh else self.head
            fresh.append(self._read_line(line, parent, len(self.revisions) + len(fresh) + 1))
        self.revisions += fresh
        self._read_bytes += len(whole)
        return tuple(fresh)

    def _read_line(self, line: bytes, parent: str, number: int) -> Revision:
        try:
            document = json.loads(line)
            revision = Revision(
                correction=CORRECTION.validate_python(document.pop("correction")), **document
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(number) from error
        if revision.parent != parent or revision.id != _digest(_content(revision)):
            raise self._damaged(number)
        return revision

    def _damaged(self, number: int) -> StorageError:
        return StorageError(
            f"The revisions in {self.path} are a chain of digests, but line {number:,} does not "
            "fit it; take the file back from a copy."
        )


def in_force(revisions: Sequence[Revision]) -> list[Revision]:
    """Return the corrections that count: without undos, redos, and what they took back.

    An undo takes back the last correction in force, a redo puts back the last one taken back; a
    new correction ends what can be redone.

    Raises
    ------
    CorrectionError
        An undo or redo finds nothing to take.
    """
    done: list[Revision] = []
    undone: list[Revision] = []
    for revision in revisions:
        match revision.correction:
            case Undo():
                _take_last(done, undone, "undo")
            case Redo():
                _take_last(undone, done, "redo")
            case _:
                done.append(revision)
                undone.clear()
    return done


def _take_last(source: list[Revision], target: list[Revision], what: str) -> None:
    if not source:
        raise CorrectionError(f"There is nothing to {what}; no correction of that kind is left.")
    target.append(source.pop())


def drafts(
    corrections: Sequence[Correction], *, parent: str, author: str, time: datetime, reason: str = ""
) -> tuple[Revision, ...]:
    """Return corrections as revisions on top of `parent`, which are nowhere yet.

    Raises
    ------
    InputError
        Author or reason is no plain text.
    """
    author, reason = plain_text(author, reason)
    moment = time.astimezone(UTC).replace(microsecond=0).isoformat()
    fresh: list[Revision] = []
    for correction in corrections:
        draft = Revision("", parent, author, moment, reason, correction)
        parent = _digest(_content(draft))
        fresh.append(replace(draft, id=parent))
    return tuple(fresh)


def plain_text(author: str, reason: str) -> tuple[str, str]:
    """Return both in normal form; InputError where one is no plain text."""
    try:
        return clean_name(author), clean_reason(reason)
    except ValueError as error:
        raise InputError(f"Author and reason are plain text: {error}.") from error


def _content(revision: Revision) -> dict[str, Any]:
    return {
        "parent": revision.parent,
        "author": revision.author,
        "time": revision.time,
        "reason": revision.reason,
        "correction": revision.correction.model_dump(mode="json"),
    }


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(content)).hexdigest()


def _line(revision: Revision) -> bytes:
    line = _canonical(revision.document()) + b"\n"
    if len(line) > MOST_LINE_BYTES:
        raise CorrectionError(
            f"One correction holds at most {MOST_LINE_BYTES >> 20} MiB, this one {len(line):,} "
            "bytes; select fewer samples at a time."
        )
    return line


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
