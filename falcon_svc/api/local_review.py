"""The review page of one result directory, for `falcon review`: loopback only, one reviewer.

The address holds a token that is good once; it becomes a cookie that other sites' pages cannot
send (SameSite=Strict) and scripts cannot read. Hosts other than loopback names are refused, which
keeps out rebound names; requests of other origins are refused too.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from falcon_svc import __version__
from falcon_svc.api import problems, review_seat
from falcon_svc.api.middleware import HEADERS
from falcon_svc.api.routes import ancestry, review, review_page
from falcon_svc.service.refusals import RequestError, not_found

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from falcon_svc.review.desk import Desk

COOKIE = "falcon_review"
HOSTS = ("127.0.0.1", "localhost", "[::1]")
MOST_BODY_BYTES = 64 * 2**20


def create_review_app(desk: Desk, *, author: str, token: str) -> FastAPI:
    """Return the application.

    Parameters
    ----------
    desk : Desk
        Desk of the result.
    author : str
        Whose corrections these are.
    token : str
        Good once, as ``/?token=...``.
    """
    app = FastAPI(
        title="falcon review", version=__version__, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip

    async def seat() -> review_seat.Seat:
        return review_seat.Seat(desk, author)

    app.dependency_overrides[review_seat.reading] = seat
    app.dependency_overrides[review_seat.writing] = seat
    app.dependency_overrides[review_seat.opening] = _no_jobs
    app.include_router(review.router)
    app.include_router(ancestry.router)
    app.include_router(review_page.local_router)
    problems.install(app)
    app.add_middleware(Door, token=token)
    return app


async def _no_jobs() -> Callable[[str], Desk]:
    """There is one result here: `falcon discover --continue-from` lets it go on from another."""

    def refuse(job_id: str) -> Desk:
        raise not_found("job", job_id)

    return refuse


class Door:
    """Lets the holder of the token in, and nobody else.

    Parameters
    ----------
    app
        What lies behind.
    token
        Becomes useless at its first use.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self._token = app, token
        self._secret = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        answer = self._refusal(HTTPConnection(scope))

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        return await (answer or self.app)(scope, receive, tell)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        """Return what to answer instead; None = pass on."""
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in HOSTS and host not in HOSTS:
            return problems.of(_refused("bad_host", f"a Host among {', '.join(HOSTS)}", host))
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return problems.of(_refused("cross_origin", "a request of this page", "another site's"))
        if int(request.headers.get("content-length") or 0) > MOST_BODY_BYTES:
            return problems.of(_refused("too_large", "at most 64 MiB", "more"))
        given = request.query_params.get("token")
        if given is not None and request.scope["path"] == "/":
            return self._entered(given)
        cookie = request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(cookie.encode(), self._secret.encode()):
            return problems.of(
                _refused("unauthenticated", "the address that `falcon review` printed", "another")
            )
        return None

    def _entered(self, given: str) -> Response:
        """Exchange the token, once, for the cookie."""
        if not self._token or not hmac.compare_digest(given.encode(), self._token.encode()):
            return problems.of(
                _refused("unauthenticated", "a token that nobody has used", "an old one")
            )
        self._token = ""
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._secret, httponly=True, samesite="strict", path="/")
        return answer


def _refused(code: str, expected: str, found: str) -> RequestError:
    return RequestError(
        f"Expected {expected}, found {found[:60]!r}; start `falcon review` again.", code=code
    )
