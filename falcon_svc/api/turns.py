"""Who is worked on: a few requests at once, the others wait for a moment and are then refused.

Waiting smooths bursts, and it makes refusals slow: a client that asks again at once when it is
refused costs little. A request holds its turn while the service works on it, not while its body is
on its way, nor once its answer is, so that clients who send or read a byte a second hold up nobody.
"""

from __future__ import annotations

import asyncio

from falcon_svc.service.refusals import RequestError

PATIENCE_S = 0.5


class Turn:
    """One request's right to be worked on.

    Parameters
    ----------
    free
        Counts the turns that nobody has.
    lasting
        Whether it is held from the first to the last byte, as those of streams are.
    """

    def __init__(self, free: asyncio.Semaphore, *, lasting: bool = False) -> None:
        self._free, self._lasting, self._held = free, lasting, False

    async def take(self) -> None:
        """Wait for a turn.

        Raises
        ------
        RequestError
            None was free for `PATIENCE_S` (code ``overloaded``).
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.take_again()
        except TimeoutError:
            raise _overloaded() from None

    async def take_again(self) -> None:
        """Wait for as long as it takes; the request was let in already."""
        if not self._held:
            await self._free.acquire()
            self._held = True

    def rest(self) -> None:
        """Let another one work while nothing is to be done here."""
        if not self._lasting:
            self.give_back()

    def give_back(self) -> None:
        """Let another one work."""
        if self._held:
            self._held = False
            self._free.release()


def _overloaded() -> RequestError:
    return RequestError(
        "Expected fewer requests at once, found the service full; send this one again after the "
        "seconds in Retry-After.",
        code="overloaded",
    )
