"""Where attempts run. An engine knows job ids and attempt numbers, nothing of discoveries."""

from __future__ import annotations

from falcon_svc.engines.base import Ended, Engine, Task
from falcon_svc.engines.local import LocalEngine
from falcon_svc.engines.ray import RayEngine
from falcon_svc.engines.warm import StandBy
from falcon_svc.settings import Settings

__all__ = ["Ended", "Engine", "LocalEngine", "RayEngine", "StandBy", "Task", "open_engine"]


def open_engine(settings: Settings, stand_by: StandBy | None = None) -> Engine:
    """Return the engine that the settings name, which may copy a process that stands by.

    Parameters
    ----------
    settings
        Those of the service: which engine, and its limits.
    stand_by
        A process to copy; None = each attempt starts a new one.

    Returns
    -------
    Engine
        Local or Ray.

    Raises
    ------
    MissingExtraError
        It is Ray, and Ray is not installed.

    Examples
    --------
    >>> from falcon_svc.engines import open_engine
    >>> from falcon_svc.settings import Settings
    >>> engine = open_engine(Settings(slots=2))
    >>> type(engine).__name__
    'LocalEngine'
    >>> engine.close()
    """
    if settings.engine == "ray":
        return RayEngine(settings)
    return LocalEngine(settings, stand_by=stand_by, patient=True)
