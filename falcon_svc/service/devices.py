"""Which devices a job may ask for: those that the engine can ever give, as last heard.

Place: asked with every job, in the event loop, so that nobody waits for a cluster there. Until a
cluster has answered, nothing is refused.
"""

from __future__ import annotations

import asyncio

import anyio.to_thread

from falcon_svc.engines import open_engine
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.service.refusals import RequestError
from falcon_svc.settings import Settings

AGAIN_S = 30.0


class Devices:
    """The devices of the engine that the settings name.

    Parameters
    ----------
    settings
        Settings of the service.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.known = frozenset({"auto", "cpu", "cuda"})

    def look(self) -> None:
        """Ask the engine."""
        self.known = open_engine(self._settings).devices()

    async def follow(self, vitals: Vitals) -> None:
        """Ask again every so often."""
        while True:
            await asyncio.sleep(AGAIN_S)
            with vitals.turn("devices"):
                await anyio.to_thread.run_sync(self.look)

    def check(self, device: str) -> None:
        """Raise RequestError for a device that no job here can ever get."""
        if device not in self.known:
            raise RequestError(
                f"Expected a device that this service has ({', '.join(sorted(self.known))}), found "
                f"{device!r}; use another, or auto.",
                code="no_such_device",
            )
