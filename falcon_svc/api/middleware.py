"""What happens to a request before a route sees it: an id, limits, its turn, who asks.

Plain ASGI, because streams pass through. From outside in: `Observe` (id, headers, metrics),
`Limits` (size, encoding, how many at once), `Gate` (key, rate, origin), `Bodies` (how many of a
tenant come in at once). Keys are checked before the body is read, so that a stranger cannot make
the service take in a large upload.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request

from falcon_svc.api import problems
from falcon_svc.api.documents import is_open
from falcon_svc.api.patience import Arrival
from falcon_svc.api.turns import Turn
from falcon_svc.errors import FalconError
from falcon_svc.service.keys import ANONYMOUS, SCOPES, Caller, no_key
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.ids import new_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from falcon_svc.api.metrics import Metrics
    from falcon_svc.service.busy import Busy
    from falcon_svc.service.context import Context
    from falcon_svc.settings import Settings

REQUEST_ID: ContextVar[str | None] = problems.REQUEST_ID
UPLOADS = ("multipart/form-data", "application/octet-stream")
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Observe:
    """Gives each request an id, each answer the security headers; counts and audits them."""

    def __init__(self, app: ASGIApp, metrics: Metrics, busy: Busy) -> None:
        self.app, self.metrics, self.busy = app, metrics, busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        self.busy.count()
        identity, began, status = new_id("req"), time.perf_counter(), 0
        mark = REQUEST_ID.set(identity)
        waited = 0.0

        async def take() -> Message:
            nonlocal waited
            asked = time.perf_counter()
            message = await receive()
            waited += time.perf_counter() - asked
            return message

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = identity
                headers["Server-Timing"] = _timing(time.perf_counter() - began, waited)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, take, tell)
        except Exception as error:
            if status:  # the answer has begun: all that is left is to end the connection
                raise
            await problems.bug(Request(scope), error)(scope, take, tell)
        finally:
            REQUEST_ID.reset(mark)
            self.metrics.request(scope, status or 500, time.perf_counter() - began)
            if scope["method"] not in SAFE or status in (401, 403):
                _audit(scope, identity, status or 500)
        return None


def _audit(scope: Scope, identity: str, status: int) -> None:
    connection = HTTPConnection(scope)
    caller = getattr(connection.state, "caller", None)
    context: Context = connection.state.context
    context.audit.write(
        request_id=identity,
        address=_address(connection),
        tenant=caller.tenant if caller is not None else None,
        key=caller.key_id if caller is not None else None,
        method=scope["method"],
        path=scope["path"],
        status=status,
    )


def _address(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client else "local"


def _timing(passed_s: float, waited_s: float) -> str:
    """Say how long the request's body took to arrive, and how long everything else took."""
    return f"body;dur={1e3 * waited_s:.1f}, app;dur={1e3 * (passed_s - waited_s):.1f}"


class Limits:
    """Refuses what is too large, too slow, encoded, or one request too many."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.requests = asyncio.Semaphore(settings.max_requests)
        self.waiting = asyncio.Semaphore(settings.max_streams)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        waits = scope["path"].endswith("/events") or "prefer" in headers
        turn = Turn(self.waiting if waits else self.requests, lasting=waits)
        try:
            await turn.take()
        except RequestError as refused:
            return await problems.of(refused)(scope, receive, send)
        try:
            await self._measured(scope, receive, send, headers, turn)
        finally:
            turn.give_back()
        return None

    async def _measured(
        self, scope: Scope, receive: Receive, send: Send, headers: Headers, turn: Turn
    ) -> None:
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        settings = self.settings
        most = settings.max_upload_bytes if kind in UPLOADS else settings.max_json_bytes
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers and "content-length" in headers:
            return await _ambiguous(scope, receive, send)
        if headers.get("content-encoding", "identity").lower() != "identity":
            return await problems.of(_encoded())(scope, receive, send)
        if int(length) > most:
            return await problems.of(_too_large(most))(scope, receive, send)
        arrival = Arrival(receive)

        async def count() -> Message:
            turn.rest()
            message = await arrival.next()
            await turn.take_again()
            if arrival.size_bytes > most:
                raise HTTPException(413, str(_too_large(most)))
            return message

        async def tell(message: Message) -> None:
            turn.rest()
            await send(message)

        await self.app(scope, count, tell)
        return None


class Gate:
    """Finds out who asks, and whether they may ask once more."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its caller in `request.state.caller`, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]):
            return await self.app(scope, receive, send)
        connection = HTTPConnection(scope)
        try:
            scope["state"]["caller"] = await _caller(connection)
        except FalconError as refused:
            return await problems.of(refused)(scope, receive, send)
        return await self.app(scope, receive, send)


class Bodies:
    """Lets a tenant send so many bodies at once, however slowly, that others have room too."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most
        self.coming: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or is_open(scope["path"]) or not _has_body(scope):
            return await self.app(scope, receive, send)
        tenant = scope["state"]["caller"].tenant
        if self.coming[tenant] >= self.most:
            return await problems.of(_too_many_bodies(self.most))(scope, receive, send)
        self.coming[tenant] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.coming -= Counter([tenant])  # what is 0 leaves the table
        return None


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _caller(connection: HTTPConnection) -> Caller:
    context: Context = connection.state.context
    address = _address(connection)
    kind, _, key = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" or context.settings.keys_required:
        if kind.lower() != "bearer" or not key.strip():
            raise no_key()
        caller = await _owner(context, key.strip(), address)
        context.rates.take(caller.tenant)
        return caller
    _check_origin(connection, context.settings.allowed_hosts.split(","))
    context.rates.take(address)
    return Caller(ANONYMOUS, frozenset(SCOPES))


async def _owner(context: Context, key: str, address: str) -> Caller:
    known = context.keyring.known(key)
    if known is not None:
        return known
    try:
        return await anyio.to_thread.run_sync(context.keyring.caller, key)
    except RequestError:
        context.failures.take(address)  # it is told to wait, while valid keys pass
        raise


def _check_origin(connection: HTTPConnection, hosts: list[str]) -> None:
    """Without keys, keep web pages out: those of other origins, and rebound host names."""
    host = connection.headers.get("host", "")
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name not in hosts:
        raise RequestError(
            f"Expected a Host among {', '.join(hosts)}, found {name[:60]!r}; use one of them, or "
            "add it to FALCON_ALLOWED_HOSTS.",
            code="bad_host",
        )
    origin = connection.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        raise RequestError(
            "Expected a request from this service's own pages or from no page, found another "
            "site's; use an API key.",
            code="cross_origin",
        )


async def _ambiguous(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse what could be read as two different requests (RFC 9112, 6.1), and hang up."""
    detail = "Expected one length of the body, found two; leave Content-Length out."
    answer = problems.problem(400, "bad_request", detail)
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)


def _too_many_bodies(most: int) -> RequestError:
    return RequestError(
        f"Expected at most {most} requests with a body at once from one tenant, found more; let "
        "some end, then send this one again.",
        code="too_many_uploads",
    )


def _encoded() -> RequestError:
    return RequestError(
        "Expected a body without Content-Encoding, found one; send it as it is.",
        code="unsupported_encoding",
    )


def _too_large(most: int) -> RequestError:
    return RequestError(
        f"Expected a body of at most {most:,} bytes, found a larger one; send large data sets in "
        "parts to /v1/uploads.",
        code="too_large",
    )
