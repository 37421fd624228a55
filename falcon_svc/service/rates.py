"""How often somebody may ask: one token bucket each, in memory, per process of the API.

Source: the leaky bucket as a meter (ITU-T I.371): a bucket of `burst` tokens that fills at
`per_s`; a request takes one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from falcon_svc.service.refusals import RequestError

REMEMBERED = 10_000


class Rates:
    """Buckets by name; those used longest ago are forgotten, which means full.

    Parameters
    ----------
    per_s
        Tokens that come back per second.
    burst
        Tokens that a bucket holds.
    what
        The requests that take them, for the sentence of the refusal.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        per_s: float,
        burst: float,
        *,
        what: str = "requests",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.per_s, self.burst, self.what, self.clock = per_s, burst, what, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> None:
        """Take a token.

        Raises
        ------
        RequestError
            The bucket is empty (code ``rate_limited``).
        """
        level = self._level(name)
        if level < 1:
            raise RequestError(
                f"Expected at most {self.per_s:g} {self.what} per second, found more; wait, then "
                "send this one again.",
                code="rate_limited",
            )
        self._buckets[name] = (level - 1, self.clock())
        self._buckets.move_to_end(name)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)

    def _level(self, name: str) -> float:
        level, since = self._buckets.get(name, (self.burst, self.clock()))
        return min(self.burst, level + (self.clock() - since) * self.per_s)
