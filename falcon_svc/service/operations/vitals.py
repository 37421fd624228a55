"""Loops beside requests: a turn that fails is told and followed by the next, a death is seen.

Place: every thread and task that serves more than one request runs under a `Vitals`, one for each
process. No input may stop such a loop, so whatever one turn raises is logged and counted, and the
loop goes on. A loop that ends all the same, or hangs in one turn, makes its process not ready, and
ends it, so that whoever started the process starts it anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from falcon_svc.errors import FalconError

STALLED_S = 900.0
"""A turn that takes longer hangs: sweeping a large store takes minutes."""
QUIET_S = 60.0
NOT_AT_WORK = "not_at_work"
_log = logging.getLogger(__name__)


class Vitals:
    """The loops of one process.

    Parameters
    ----------
    end
        Lets the process end in good order; called once a loop has died.
    told
        Called with the name of a loop for each turn of it that failed.
    clock
        Monotonic seconds.

    Examples
    --------
    >>> vitals = Vitals()
    >>> with vitals.turn("sweep"):
    ...     raise ValueError("this store is odd")
    >>> vitals.failures["sweep"], vitals.check()
    (1, None)
    """

    def __init__(
        self,
        *,
        end: Callable[[], None] = lambda: None,
        told: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.end, self._told, self._clock = end, told, clock
        self.failures: Counter[str] = Counter()
        self._dead: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._logged: dict[tuple[str, str], float] = {}

    @contextmanager
    def turn(
        self, name: str, about: str = "", *, but: tuple[type[Exception], ...] = ()
    ) -> Iterator[None]:
        """One turn of a loop, or its part `about` one thing; what it raises is logged and counted.

        A thing that fails in every turn is logged once a minute. What is named by `but` passes.
        """
        self._since[name] = self._clock()
        try:
            yield
        except but:
            raise
        except Exception:
            if self._is_news(name, about):
                _log.exception("%s: failed at %s; it goes on", name, about or "one turn")
            self.count(name)
        finally:
            self._since.pop(name, None)

    def _is_news(self, name: str, about: str) -> bool:
        now = self._clock()
        self._logged = {k: at for k, at in self._logged.items() if now - at < QUIET_S}
        news = (name, about) not in self._logged
        self._logged.setdefault((name, about), now)
        return news

    def count(self, name: str) -> None:
        """Count a turn that failed."""
        self.failures[name] += 1
        try:
            self._told(name)
        except Exception:
            _log.warning("a failure of %s could not be recorded", name, exc_info=True)

    def thread(self, name: str, loop: Callable[[], None]) -> threading.Thread:
        """Start a loop in a thread; it may return when it was told to stop."""

        def live() -> None:
            try:
                loop()
            except BaseException as error:
                self.died(name, error)

        made = threading.Thread(target=live, name=name, daemon=True)
        made.start()
        return made

    def task(self, name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a loop in the event loop; it ends when it is cancelled."""
        made = asyncio.create_task(loop, name=name)

        def look(done: asyncio.Task[None]) -> None:
            if not done.cancelled():
                self.died(name, done.exception())

        made.add_done_callback(look)
        return made

    def died(self, name: str, why: BaseException | str | None) -> None:
        """Record that a loop is no more, and let the process end."""
        error = why if isinstance(why, BaseException) else None
        _log.critical("the loop %r is dead; this process ends", name, exc_info=error)
        self._dead[name] = str(why or "it returned").rstrip(".")
        self.count(name)
        self.end()

    def check(self) -> None:
        """Raise FalconError (code ``not_at_work``) where a loop has died or hangs."""
        now = self._clock()
        hanging = {n: "it hangs" for n, at in self._since.copy().items() if now - at > STALLED_S}
        for name, why in (self._dead | hanging).items():
            raise FalconError(
                f"Expected the loop '{name}' of this process to be at work, found that it is not "
                f"({why[:200]}); see the service's log, and start it again.",
                code=NOT_AT_WORK,
            )
