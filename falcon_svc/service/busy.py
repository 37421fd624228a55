"""Whether the API has much to do, told by it to the supervisor, which then lets jobs step back.

A file that the API touches while many requests come, as both run on one machine, and a supervisor
on another one has nothing to give way to.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings

LOOK_S = 0.5
BUSY_PER_S, BUSY_CORES = 20.0, 0.2
"""Requests, or processor seconds, a second: less is done beside jobs of equal right, unnoticed."""
LASTS_S = 5.0


class Busy:
    """Counts requests and tells when there are many.

    Parameters
    ----------
    settings
        Settings of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._requests = settings, 0

    def count(self) -> None:
        """Count a request."""
        self._requests += 1

    async def follow(self, vitals: Vitals) -> None:
        """Tell, until cancelled."""
        while True:
            self._requests, used_s = 0, time.process_time()
            await asyncio.sleep(LOOK_S)
            cores = (time.process_time() - used_s) / LOOK_S
            if self._requests > BUSY_PER_S * LOOK_S or cores > BUSY_CORES:
                with vitals.turn("load"):
                    _file(self._settings).touch()


def is_busy(settings: Settings) -> bool:
    """Return whether an API of this data directory has had much to do in the last seconds."""
    with suppress(OSError):
        return abs(time.time() - _file(settings).stat().st_mtime) < LASTS_S
    return False


def _file(settings: Settings) -> Path:
    return settings.data_dir / "api.busy"
