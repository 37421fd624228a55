"""How load is put on: as fast as answers come back, or at a fixed rate whatever comes back."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from benchmarks.service.http import Answer, Connection, Request

NO_ANSWER = 0
REFUSED = (429, 503)
LEAST_REST_S = 0.005
Ask = Callable[[int], Request]


@dataclass
class Tally:
    """What became of many requests.

    Parameters
    ----------
    waits_s
        Seconds until each accepted (2xx) request was answered; at a fixed rate, from the moment
        when it was due, so that a service that stalls is not asked less.
    statuses
        Answers by HTTP status; `NO_ANSWER` where the connection broke.
    bare_refusals
        Refusals without Retry-After.
    elapsed_s
        From the first request to the last answer.
    """

    waits_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    bare_refusals: int = 0
    elapsed_s: float = 0.0

    def add(self, answer: Answer | None, wait_s: float) -> None:
        """Count an answer, or None."""
        status = NO_ANSWER if answer is None else answer.status
        self.statuses[status] += 1
        if 200 <= status < 300:
            self.waits_s.append(wait_s)
        if answer is not None and status in REFUSED and "retry-after" not in answer.headers:
            self.bare_refusals += 1

    @property
    def per_s(self) -> float:
        """Accepted requests per second."""
        return len(self.waits_s) / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def refused(self) -> int:
        """Requests that were answered with 429 or 503."""
        return sum(self.statuses[status] for status in REFUSED)

    @property
    def errors(self) -> int:
        """Requests that were neither accepted nor refused."""
        return self.statuses.total() - len(self.waits_s) - self.refused

    def ms(self, share: float) -> float:
        """Return a percentile of the waits in milliseconds; infinite without any."""
        return percentile_ms(self.waits_s, share)


def percentile_ms(waits_s: Sequence[float], share: float) -> float:
    """Return the smallest wait that `share` of them do not exceed, in milliseconds."""
    if not waits_s:
        return math.inf
    return 1e3 * sorted(waits_s)[max(0, math.ceil(share * len(waits_s)) - 1)]


async def hammer(
    port: int, key: str, ask: Ask, *, connections: int, seconds: float, n: int | None = None
) -> Tally:
    """Ask on every connection as soon as the last answer is there, for some seconds or `n` times.

    `ask` maps the running number of a request to the request.
    """
    tally, began = Tally(), time.perf_counter()
    numbers = itertools.count() if n is None else iter(range(n))

    async def loop() -> None:
        with closing(Connection(port, key)) as connection:
            for number in numbers:
                if (sent := time.perf_counter()) > began + seconds:
                    break
                answer = await attempt(connection, ask(number))
                tally.add(answer, time.perf_counter() - sent)

    await asyncio.gather(*(loop() for _ in range(connections)))
    tally.elapsed_s = time.perf_counter() - began
    return tally


async def at_rate(
    port: int,
    key: str,
    ask: Ask,
    *,
    per_s: float,
    seconds: float,
    connections: int,
    told: Callable[[Answer], None] | None = None,
) -> Tally:
    """Send a request every ``1 / per_s`` seconds over a number of connections.

    `told` sees every answer at once; it ends the load by raising `Enough`.
    """
    tally, began = Tally(), time.perf_counter()
    numbers = iter(range(round(per_s * seconds)))

    async def loop() -> None:
        with closing(Connection(port, key)) as connection:
            for number in numbers:
                due = began + number / per_s
                if (rest := due - time.perf_counter()) > 0:
                    await asyncio.sleep(rest)
                answer = await attempt(connection, ask(number))
                tally.add(answer, time.perf_counter() - due)
                if told is not None and answer is not None:
                    told(answer)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(loop())
    except* Enough:
        pass
    tally.elapsed_s = time.perf_counter() - began
    return tally


class Enough(Exception):
    """Raised to end a load early."""


async def attempt(connection: Connection, request: Request) -> Answer | None:
    """Return the answer, or None where the connection broke."""
    try:
        return await connection.ask(request)
    except OSError:
        connection.close()
        await asyncio.sleep(LEAST_REST_S)
        return None
