"""Where attempts run. An engine knows job ids and attempt numbers, nothing of discoveries."""

from __future__ import annotations

from falcon_svc.engines.base import Ended, Engine, Task
from falcon_svc.engines.local import LocalEngine

__all__ = ["Ended", "Engine", "LocalEngine", "Task"]
