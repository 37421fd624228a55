"""`Falcon`: what the service can do, as methods; documents come back as typed dicts."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import cast

import httpx

from falcon_svc.client import documents as doc
from falcon_svc.client.asking import Document
from falcon_svc.client.classifiers import Classifying
from falcon_svc.client.predicting import Predicting
from falcon_svc.client.reading import Reading
from falcon_svc.client.reviews import Review
from falcon_svc.client.storing import Storing
from falcon_svc.client.transport import TIMEOUT_S, ServiceError, Transport
from falcon_svc.client.working import Working

__all__ = ["Falcon", "ServiceError"]

LONGEST_WAIT_S = 60


class Falcon(Storing, Working, Reading, Classifying, Predicting):
    """A service.

    Parameters
    ----------
    url
        Such as ``http://127.0.0.1:8000``.
    key
        API key, where the service wants one.

    Examples
    --------
    Nothing is asked before a method is called; docs/client.md shows what comes back:

    >>> from falcon_svc.client import Falcon
    >>> with Falcon("http://127.0.0.1:8000") as falcon:
    ...     print(falcon.http.base_url)
    http://127.0.0.1:8000
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None) -> None:
        self._transport = Transport(url, key)

    def __enter__(self) -> Falcon:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def http(self) -> httpx.Client:
        """The connection, with address and key, for requests that no method makes."""
        return self._transport.http

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def capabilities(self) -> doc.Capabilities:
        """Return what the service can do.

        Returns
        -------
        Capabilities
            Version, formats, encoders, devices, limits.
        """
        return self._get(doc.Capabilities, "/v1/capabilities")

    def discover(
        self, path: str | Path, config: Document | None = None, *, options: Document | None = None
    ) -> doc.Discovered:
        """Send a data set and return its fine classes, all in one document.

        Parameters
        ----------
        path
            One file; see docs/input-formats.md.
        config
            Settings of a discovery, such as ``{"counts": {"n_fine": 6}}``.
        options
            Reading options, such as ``{"coarse_column": "kind"}``.

        Returns
        -------
        Discovered
            The job, its classes, every sample's class, and the graph.

        Raises
        ------
        ServiceError
            Refused or failed; or not ended in time: then `document` is the job, for `wait`.
        """
        sent = {"config": json.dumps(config or {}), "options": json.dumps(options or {})}
        headers = {"Prefer": f"wait={LONGEST_WAIT_S}"}
        with Path(path).open("rb") as file:
            files = {"file": (Path(path).name, file)}
            answer = self._transport.send(
                "POST", "/v1/discover", again=False, files=files, data=sent, headers=headers,
                timeout=LONGEST_WAIT_S + TIMEOUT_S,
            )  # fmt: skip
        if answer.status_code == httpx.codes.ACCEPTED:
            detail = f"Expected an end within {LONGEST_WAIT_S} s, found none; wait for the job."
            raise ServiceError(detail, code="not_finished", status=202, document=answer.json())
        return cast(doc.Discovered, answer.json())

    def review(self, job_id: str) -> Review:
        """Return the review of a job's result: look, correct, solve again, take away.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        Review
            Its methods are requests about that job.
        """
        return Review(self._transport, job_id)
