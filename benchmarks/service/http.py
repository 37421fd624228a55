"""A lean HTTP/1.1 client: asyncio's streams with h11 as the parser.

Place: under the cases of this package. The client shares the cores with the service that it
measures, so it must cost little: about 0.2 ms of processor time per request, a tenth of httpx's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any

import h11

HOST = "127.0.0.1"
READ_BYTES = 2**18


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Parameters
    ----------
    method, path
        Method and path of the request line.
    body
        Sent with its length.
    headers
        Beside Host, Authorization and Content-Length.
    """

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers with lower-case names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that is kept alive; one request at a time.

    Parameters
    ----------
    port
        On the loopback address.
    key
        API key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._http = h11.Connection(h11.CLIENT)
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: Request, body: AsyncIterable[bytes] | None = None) -> Answer:
        """Send a request and return its whole answer; opens the connection where needed.

        Raises
        ------
        OSError
            The connection was refused or ended early; the next request opens another.
        """
        await self.send(request, body)
        status, headers = await self.head()
        content = b"".join([bytes(piece) async for piece in self.pieces()])
        return Answer(status, headers, content)

    async def send(self, request: Request, body: AsyncIterable[bytes] | None = None) -> None:
        """Send a request; a `body` that is given in pieces needs a Content-Length header."""
        await self._open()
        length = [] if body is not None else [("Content-Length", str(len(request.body)))]
        own = [("Host", f"{HOST}:{self._port}"), ("Authorization", f"Bearer {self._key}")]
        head = h11.Request(
            method=request.method,
            target=request.path,
            headers=[*own, *length, *request.headers],
        )
        self._write(self._http.send(head))
        if body is None:
            self._write(self._http.send(h11.Data(request.body)) if request.body else b"")
        else:
            async for piece in body:
                self._write(self._http.send(h11.Data(piece)))
                await self._drain()
        self._write(self._http.send(h11.EndOfMessage()))
        await self._drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Return status and headers of the answer; its body follows by `pieces`."""
        event = await self._event()
        if not isinstance(event, h11.Response):
            raise self._lost("no answer")
        headers = {name.decode(): value.decode() for name, value in event.headers}
        return event.status_code, headers

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give the answer's body as it arrives."""
        while isinstance(event := await self._event(), h11.Data):
            yield event.data
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None

    async def _open(self) -> None:
        if self._writer is None:
            self._http = h11.Connection(h11.CLIENT)
            opened = await asyncio.open_connection(HOST, self._port, limit=READ_BYTES)
            self._reader, self._writer = opened

    def _write(self, data: bytes | None) -> None:
        if self._writer is None:
            raise self._lost("closed")
        if data:
            self._writer.write(data)

    async def _drain(self) -> None:
        if self._writer is not None:
            await self._writer.drain()

    async def _event(self) -> Any:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise self._lost(str(error)) from error
        return event

    def _lost(self, why: str) -> ConnectionError:
        self.close()
        return ConnectionResetError(f"the service ended the connection: {why}")
