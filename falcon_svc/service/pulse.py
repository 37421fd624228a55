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


def check_at_work(settings: Settings) -> None:
    """Raise ConfigError unless a supervisor of the data directory has made a step just now."""
    try:
        silent_s = time.time() - lock_file(settings).stat().st_mtime
    except FileNotFoundError:
        silent_s = float("inf")
    if silent_s > SILENT_S:
        raise ConfigError(
            f"Expected a worker that was at work {SILENT_S:.0f} s ago, found none in "
            f"{settings.data_dir}; start one with `falcon worker`, or see its log.",
            code="not_at_work",
        )
