"""What many clients ask of jobs at once: their state, their events, and when they change.

One query serves all who ask at a time, however many they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread

from falcon_svc.api.together import Together
from falcon_svc.service import jobs
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.storage.states import TERMINAL
from falcon_svc.storage.tables import Event, Job

POLL_S = 0.1


@dataclass(eq=False)
class _Waiter:
    job_id: str
    seen: int
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Feed:
    """Looks jobs up, and wakes those who wait for one.

    Parameters
    ----------
    context
        Whose database is asked.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._waiters: set[_Waiter] = set()
        self._jobs = Together(partial(jobs.by_id, context))
        self._events = Together(partial(jobs.events_after, context))

    async def job(self, caller: Caller, job_id: str) -> Job:
        """Return a job of the caller's."""
        return jobs.of_caller(await self._jobs.get(job_id), caller, job_id)

    async def events_after(self, job_id: str, seq: int) -> Sequence[Event]:
        """Return a job's next events."""
        return await self._events.get((job_id, seq)) or ()

    async def run(self, vitals: Vitals) -> None:
        """Look for changes until cancelled; while the database does not answer, streams wait."""
        while True:
            await asyncio.sleep(POLL_S)
            if self._waiters:
                with vitals.turn("feed"):
                    await self._look()

    async def _look(self) -> None:
        ids = {waiter.job_id for waiter in self._waiters}
        versions = await anyio.to_thread.run_sync(jobs.versions, self._context, ids)
        for waiter in self._waiters:
            if versions.get(waiter.job_id) != waiter.seen:
                waiter.changed.set()

    async def wait(self, job_id: str, seen: int, seconds: float) -> bool:
        """Return whether a job is no longer at version `seen`, after some seconds at most."""
        waiter = _Waiter(job_id, seen)
        self._waiters.add(waiter)
        try:
            await asyncio.wait_for(waiter.changed.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def until_ended(self, caller: Caller, job_id: str, seconds: float) -> Job:
        """Return a job once it has ended, or after some seconds."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + min(seconds, self._context.settings.most_wait_s)
        while True:
            job = await self.job(caller, job_id)
            if job.state in TERMINAL or (left := deadline - clock()) <= 0:
                return job
            await self.wait(job_id, job.version, left)
