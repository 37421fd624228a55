"""How long a client may take to send a request: its head, and each piece of its body.

Place: the head is timed where connections are made (`Patient`, uvicorn's protocol), the body where
it is read (`Limits` of `middleware`, by `Arrival`). Without this, a connection that never sends the
rest is held for ever. Clients that read slowly hold up nobody and are left alone.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from falcon_svc.service.refusals import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive

HEAD_S = 15.0
"""From the connection, or a request's first byte, to the end of its head."""
PIECE_S = 30.0
"""Until the next piece of a body."""
LEAST_BYTES_PER_S = 1_000.0
"""Of a body on the whole, once it has taken longer than `PIECE_S`."""
LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Patient(H11Protocol):
    """uvicorn's protocol with an end to its patience."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes in; go on waiting if they are no whole head."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._give_up)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.write(LATE)
            self.transport.close()


class Arrival:
    """A body on its way.

    Parameters
    ----------
    receive
        Gives its pieces.
    clock
        Monotonic seconds.
    """

    def __init__(self, receive: Receive, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._receive, self._clock = receive, clock
        self._waited_s, self.size_bytes, self._whole = 0.0, 0, False

    async def next(self) -> Message:
        """Return the next message; what comes after the body may take its time.

        Raises
        ------
        RequestError
            The body comes too slowly (code ``too_slow``).
        """
        if self._whole:
            return await self._receive()
        asked = self._clock()
        try:
            async with asyncio.timeout(PIECE_S):
                message = await self._receive()
        except TimeoutError:
            raise _too_slow() from None
        self._waited_s += self._clock() - asked
        self.size_bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._waited_s > PIECE_S + self.size_bytes / LEAST_BYTES_PER_S:
            raise _too_slow()
        return message


def _too_slow() -> RequestError:
    return RequestError(
        f"Expected the body to arrive, with a pause of {PIECE_S:g} s at most and "
        f"{LEAST_BYTES_PER_S:g} bytes a second on the whole, found that it does not; send it "
        "again, in smaller parts to /v1/uploads if the line is slow.",
        code="too_slow",
    )
