"""Whether a supervisor is at work, for the health checks of containers.

It touches its lock file after every step. A file, as a check must load little and answer where
the database does not; a supervisor without a database is not at work.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings

SILENT_S = 30.0


def lock_file(settings: Settings) -> Path:
    """Return the file that a supervisor of a data directory locks."""
    return settings.data_dir / "supervisor.lock"


def beat(settings: Settings) -> None:
    """Tell that a step was made."""
    os.utime(lock_file(settings))


def check_at_work(settings: Settings, *, before: float | None = None) -> None:
    """Raise ConfigError unless a supervisor of the data directory has made a step just now.

    Parameters
    ----------
    settings
        Settings of the service.
    before
        `last_step` when this supervisor was started: that step was another one's.
    """
    step_at = last_step(settings)
    if step_at == before or time.time() - step_at > SILENT_S:
        raise ConfigError(
            f"Expected a worker that was at work {SILENT_S:.0f} s ago, found none in "
            f"{settings.data_dir}; start one with `falcon worker`, or see its log.",
            code="not_at_work",
        )


def last_step(settings: Settings) -> float:
    """Return the time of the last step, in seconds since 1970; minus infinity if there was none."""
    try:
        return lock_file(settings).stat().st_mtime
    except OSError:
        return float("-inf")
