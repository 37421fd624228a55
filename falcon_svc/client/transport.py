"""Requests that are sent again where that is safe, and problem documents as exceptions."""

from __future__ import annotations

import logging
import random
import time
from pathlib import Path
from typing import Any

import httpx

from falcon_svc.errors import FalconError

TRIES = 6
LONGEST_PAUSE_S = 20.0
TIMEOUT_S = 90.0
LATER = (429,)
AGAIN = (*LATER, 502, 503, 504)
_log = logging.getLogger(__name__)


class ServiceError(FalconError):
    """The service refused a request, or cannot be reached.

    Parameters
    ----------
    message, code
        `detail` and `code` of the problem document.
    status
        HTTP status; 0 if there was no answer.
    document
        The problem document.
    """

    code = "service"

    def __init__(self, message: str, *, code: str, status: int, document: dict[str, Any]) -> None:
        super().__init__(message, code=code)
        self.status, self.document = status, document


class Transport:
    """Sends requests to one service.

    Parameters
    ----------
    url
        URL of the service.
    key
        API key, if it needs one.
    """

    def __init__(self, url: str, key: str | None) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S)

    def send(self, method: str, path: str, *, again: bool = True, **given: Any) -> httpx.Response:
        """Return an answer that is no error.

        `again` says that the request may be sent more than once: it changes nothing, carries an
        `Idempotency-Key`, or does no harm twice. Without it, only what found nobody, or was told to
        come later (429), is sent again. Pauses double and follow `Retry-After` where it is given;
        a warning says that nobody answers yet.

        Raises
        ------
        ServiceError
            The service refused, or did not answer in several tries.
        """
        for number in range(TRIES):
            last = number == TRIES - 1
            try:
                answer = self.http.request(method, path, **given)
            except httpx.TransportError as error:
                if last or not (again or isinstance(error, httpx.ConnectError)):
                    raise unreachable(self.http.base_url, error) from error
                if number == 0:
                    _log.warning(
                        "%s does not answer yet (%s); trying again", self.http.base_url, error
                    )
                pause(number, None)
                continue
            if last or answer.status_code not in (AGAIN if again else LATER):
                return checked(answer)
            pause(number, answer.headers.get("Retry-After"))
        raise AssertionError("the last try returns or raises")


def checked(answer: httpx.Response) -> httpx.Response:
    """Return an answer, or raise the problem that it tells."""
    if answer.status_code < 400:
        return answer
    try:
        document = answer.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    detail = document.get("detail") or f"The service answered with status {answer.status_code}."
    code = document.get("code", "http_error")
    raise ServiceError(detail, code=code, status=answer.status_code, document=document)


def save(http: httpx.Client, path: str, accept: str, to: Path) -> Path:
    """Write an answer to a file, which is there whole or not at all, and return the file."""
    fresh = to.with_name(f".{to.name}.part")
    try:
        with http.stream("GET", path, headers={"Accept": accept}) as answer:
            if answer.status_code >= 400:
                answer.read()
            checked(answer)
            with fresh.open("wb") as file:
                file.writelines(answer.iter_bytes())
        return fresh.replace(to)
    except httpx.TransportError as error:
        raise unreachable(http.base_url, error) from error
    finally:
        fresh.unlink(missing_ok=True)


def pause(number: int, retry_after: str | None) -> None:
    """Wait before try `number` + 1, as long as the service wishes or a little longer each time."""
    given = float(retry_after) if retry_after and retry_after.isdigit() else 0.0
    time.sleep(min(LONGEST_PAUSE_S, max(given, 0.25 * 2**number * random.uniform(0.5, 1.0))))


def unreachable(url: object, error: Exception) -> ServiceError:
    """Return the error of a service that does not answer."""
    return ServiceError(
        f"Expected a service at {url}, found none that answers ({error}); start one with "
        "`falcon serve`, or mend the address.",
        code="unreachable",
        status=0,
        document={},
    )
