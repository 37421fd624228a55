"""HEAD and OPTIONS for every path: what GET would answer without its body, and which methods there
are.

Place: right in front of the routes, so that keys and limits hold for these as for all requests.
Source: RFC 9110, 9.3.2 and 9.3.7. OPTIONS grants other origins nothing: there is no CORS.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Methods:
    """Answers HEAD and OPTIONS.

    Parameters
    ----------
    app
        The routes.
    methods_of
        The methods of a path by the OpenAPI document; none = there is no such path.
    """

    def __init__(self, app: ASGIApp, methods_of: Callable[[str], list[str]]) -> None:
        self.app, self.methods_of = app, methods_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass a request on."""
        if scope["type"] == "http" and scope["method"] in ("HEAD", "OPTIONS"):
            methods = self.methods_of(scope["path"])
            if scope["method"] == "OPTIONS" and methods:
                return await _allow(methods)(scope, receive, send)
            if scope["method"] == "HEAD" and ("GET" in methods or not methods):
                return await self._head({**scope, "method": "GET"}, receive, send)
        return await self.app(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the answer begin, and go no further: a stream would not end."""
        begun = asyncio.Event()

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                begun.set()

        answering: asyncio.Future[Any] = asyncio.ensure_future(self.app(scope, receive, tell))
        waiting: asyncio.Future[Any] = asyncio.ensure_future(begun.wait())
        await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        answering.cancel()
        with suppress(asyncio.CancelledError):
            await answering


def _allow(methods: list[str]) -> Response:
    return Response(status_code=204, headers={"Allow": ", ".join(methods)})
