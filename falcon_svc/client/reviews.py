"""`Review`: looking at a result and correcting it, as methods; documents as in docs/api.md."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx

from falcon_svc.client.asking import Document
from falcon_svc.client.looking import Looking
from falcon_svc.client.transport import checked, save, unreachable

ASK_AGAIN_S = 0.3
"""Between two looks whether the questions are ranked."""


class Review(Looking):
    """The review of one job's result.

    Corrections carry the newest revision that this object has seen; somebody else's in between
    is a ServiceError with status 412, whose document tells what was changed. `state` sees it.

    Parameters
    ----------
    transport
        Transport of the client.
    job_id
        Id of a job that has succeeded.

    Examples
    --------
    Of a service at work; docs/client.md has one to run::

        review = falcon.review(job["id"])
        review.correct({"kind": "accept", "class": "c3"}, reason="looked at 16 samples")
        review.resolve()
    """

    def questions(self, limit: int = 20) -> list[Document]:
        """Return the questions whose answers are worth most now; waits for the first ranking.

        Parameters
        ----------
        limit
            Most questions, >= 1.

        Returns
        -------
        list of dict
            The most valuable first.
        """
        found = self._get("/questions", limit=limit)
        while not found["questions"] and not found["fresh"]:
            time.sleep(ASK_AGAIN_S)
            found = self._get("/questions", limit=limit)
        return cast(list[Document], found["questions"])

    def correct(self, *corrections: Document, reason: str = "") -> list[str]:
        """Make corrections, all or none, and return their revisions.

        Parameters
        ----------
        *corrections
            Documents of docs/triage.md, each with its `kind`.
        reason
            Why, for the log.

        Returns
        -------
        list of str
            One revision per correction.
        """
        return self._made("/corrections", {"corrections": corrections, "reason": reason})

    def take_in(
        self, path: str | Path, *, format: str = "csv", dry_run: bool = False, reason: str = ""
    ) -> Document:
        """Make the corrections of a file that the review was exported to, and return the report.

        Parameters
        ----------
        path : str or Path
            A CSV with ``id`` and ``class_id``, or the JSON that Label Studio exports.
        format : str
            ``"csv"`` or ``"label-studio"``.
        dry_run : bool
            Only say what would change.
        reason : str
            Kept with the corrections.

        Returns
        -------
        dict
            ``text``, ``n_rows``, ``n_same``, ``n_failed``, ``failed`` and ``revisions``.
        """
        content = Path(path).read_text("utf-8-sig")
        body = {"format": format, "content": content, "dry_run": dry_run, "reason": reason}
        return self._corrected("/imports", body)

    def answer(self, question: Document, **reply: Any) -> list[str]:
        """Answer a question with choice, marked or moved, and return the revisions.

        Parameters
        ----------
        question
            One of `questions`.
        **reply
            `choice`, `marked` or `moved`, as the question asks.

        Returns
        -------
        list of str
            The revisions that the answer made.
        """
        return self._made("/answers", {"question": question, "reply": reply})

    def log(self, start: int = 0, limit: int = 100) -> Document:
        """Return the change log, newest first.

        Parameters
        ----------
        start
            Entries to skip, >= 0.
        limit
            Most entries, >= 1.

        Returns
        -------
        dict
            The entries, and how many there are in all.
        """
        return self._get("/revisions", start=start, limit=limit)

    def resolve(self, *, reason: str = "", seed: int = 0) -> Document:
        """Begin to solve again with all corrections; `resolving` says how far it is.

        Parameters
        ----------
        reason
            Why, for the log.
        seed
            Seed of everything random, >= 0.

        Returns
        -------
        dict
            The state of the re-solve.
        """
        return self._post(f"/revisions/{self.head}:resolve", {"reason": reason, "seed": seed})

    def resolving(self) -> Document:
        """Return the last re-solve: its state, what it changed, or why it cannot be.

        Returns
        -------
        dict
            State, progress and outcome.
        """
        return self._get("/resolve")

    def cancel_resolve(self) -> Document:
        """End the re-solve that is at work.

        Returns
        -------
        dict
            The re-solve, as docs/api.md shows it.
        """
        return self._post("/resolve:cancel", None)

    def continue_from(
        self, job_id: str, *, keep_classes: bool = False, reason: str = ""
    ) -> list[str]:
        """Go on from the review of an earlier job, before anything else is corrected here.

        Parameters
        ----------
        job_id
            Discovery in the same or earlier data; classes are matched by the samples of both.
        keep_classes
            Whether its classes stay as they are: new samples join them, or are proposed as new
            classes. Otherwise the classes are this job's, by their ids and names of before.
        reason
            Why, for the log.

        Returns
        -------
        list of str
            The revision that it made.
        """
        body = {"job_id": job_id, "keep_classes": keep_classes, "reason": reason}
        return self._made("/continuations", body)

    def ancestry(self) -> Document:
        """Return what became of the classes of the earlier review, and where data drifted.

        Returns
        -------
        dict
            ``lineage``, ``drift``, ``n_known``, ``n_new``, and ``text`` that says it.
        """
        return self._get("/ancestry")

    def diff(self, before: str, after: str) -> Document:
        """Return what changed between two revisions.

        Parameters
        ----------
        before, after
            Revisions, as `correct` returns them.

        Returns
        -------
        dict
            Classes that came, went, and changed.
        """
        return self._get("/diff", before=before, after=after)

    def map(self, coarse: str | None = None) -> bytes:
        """Return x (N float32), y (N float32) and class numbers (N int32), little-endian.

        Parameters
        ----------
        coarse
            Name of the coarse class to show alone; None = all.

        Returns
        -------
        bytes
            Three arrays of N values, one after the other.
        """
        wanted = {} if coarse is None else {"coarse": coarse}
        return self._transport.send("GET", f"{self._base}/map", params=wanted).content

    def lasso(
        self,
        polygon: Sequence[Sequence[float]],
        *,
        coarse: str | None = None,
        class_id: str | None = None,
    ) -> Document:
        """Return the samples inside a polygon on the map as a selection.

        Parameters
        ----------
        polygon
            Corners (x, y) in the map's units, three or more.
        coarse
            Name of the coarse class that is shown; None = all.
        class_id
            Id of the class that samples are taken from; None = all.

        Returns
        -------
        dict
            `count`, and `rows` as a correction takes them.
        """
        body = {"polygon": [list(corner) for corner in polygon]}
        return self._post("/lasso", {**body, "coarse": coarse, "class_id": class_id})

    def export(self, format: str, to: str | Path) -> Path:
        """Save the review in a format of docs/exports.md; folders come as a zip.

        Parameters
        ----------
        format
            A word of docs/exports.md.
        to
            The file to write.

        Returns
        -------
        Path
            The file that was written.
        """
        path = f"{self._base}/export?format={format}"
        return save(self._transport.http, path, "*/*", Path(to))

    def events(self) -> Iterator[Document]:
        """Give the head and the state of re-solves, now and at each change, without end.

        Yields
        ------
        dict
            The head and the state of re-solves.

        Raises
        ------
        ServiceError
            The service cannot be reached any more.
        """
        http = self._transport.http
        try:
            with http.stream("GET", f"{self._base}/events", timeout=None) as answer:
                if answer.status_code >= 400:
                    answer.read()
                for line in checked(answer).iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line.removeprefix("data: "))
        except httpx.TransportError as error:
            raise unreachable(http.base_url, error) from error
