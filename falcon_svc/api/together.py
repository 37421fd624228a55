"""Lookups that arrive while one is under way share the next: one change of threads, one query.

Place: under `feed`, between the event loop and the database. A change of threads and a session
cost more than a row does; when many clients ask at once, they share both. Nothing is remembered:
every lookup is made after it was asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import anyio.to_thread

Key = TypeVar("Key")
Found = TypeVar("Found")


class Together(Generic[Key, Found]):
    """Gathers lookups.

    Parameters
    ----------
    look_up
        Maps keys to what was found; runs in a thread.
    """

    def __init__(self, look_up: Callable[[set[Key]], Mapping[Key, Found]]) -> None:
        self._look_up = look_up
        self._waiting: list[tuple[Key, asyncio.Future[Found | None]]] = []
        self._work: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Found | None:
        """Return what is found for a key, None if nothing is; raises what the lookup raises."""
        future: asyncio.Future[Found | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer())
        return await future

    async def _answer(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            keys = {key for key, _ in asked}
            try:
                found = await anyio.to_thread.run_sync(self._look_up, keys)
            except Exception as error:  # it belongs to those who asked
                for _, future in asked:
                    if not future.done():
                        future.set_exception(error)
            else:
                for key, future in asked:
                    if not future.done():
                        future.set_result(found.get(key))
