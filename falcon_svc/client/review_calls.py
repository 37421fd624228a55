"""What all calls of a review share: its path, and the newest revision that was seen."""

from __future__ import annotations

from typing import Any, cast

from falcon_svc.client.asking import Document
from falcon_svc.client.transport import Transport


class ReviewCalls:
    """The state of one review, and how requests about it are sent.

    Parameters
    ----------
    transport
        Transport of the client.
    job_id
        Id of a job that has succeeded.
    """

    def __init__(self, transport: Transport, job_id: str) -> None:
        self._transport, self._base = transport, f"/v1/jobs/{job_id}/review"
        self._head: str | None = None

    def state(self) -> Document:
        """Return every class with its evidence, and remember the head.

        Returns
        -------
        dict
            The head and the classes.
        """
        found = self._get("")
        self._head = found["head"]
        return found

    @property
    def head(self) -> str:
        """The newest revision that was seen."""
        if self._head is None:
            self.state()
        assert self._head is not None
        return self._head

    def _made(self, path: str, body: Document) -> list[str]:
        return cast(list[str], self._corrected(path, body)["revisions"])

    def _corrected(self, path: str, body: Document) -> Document:
        headers = {"If-Match": f'"{self.head}"'}
        answer = self._transport.send(
            "POST", self._base + path, again=False, json=body, headers=headers
        ).json()
        self._head = answer["head"]
        return cast(Document, answer)

    def _get(self, path: str, **wanted: Any) -> Document:
        return cast(Document, self._transport.send("GET", self._base + path, params=wanted).json())

    def _post(self, path: str, body: Document | None) -> Document:
        return cast(Document, self._transport.send("POST", self._base + path, json=body).json())
