"""Where attempts run. An engine knows job ids and attempt numbers, nothing of discoveries."""

from __future__ import annotations

from falcon_svc.engines.base import Ended, Engine, Task
from falcon_svc.engines.local import LocalEngine
from falcon_svc.settings import Settings

__all__ = ["Ended", "Engine", "LocalEngine", "Task", "open_engine"]


def open_engine(settings: Settings) -> Engine:
    """Return the engine that the settings name."""
    return {"local": LocalEngine}[settings.engine](settings)
