"""Who did what, when and from where: a line of JSON for each change and for each refused caller.

Place: written by the API for requests, and by `falcon keys` for keys, into `audit.jsonl` of the
data directory. It is opened anew for each line, which the kernel appends whole, so that processes
share it and logrotate may move it. Lines hold ids, never keys, bodies or query strings.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

FILE = "audit.jsonl"
LONGEST = 300
_log = logging.getLogger(__name__)


class AuditLog:
    """The audit log of a data directory.

    Parameters
    ----------
    data_dir
        Where it lies, readable by its owner only.
    """

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE

    def write(self, **facts: str | int | None) -> None:
        """Add a line; a disk that does not take it is told to the service's log."""
        short = {k: v[:LONGEST] if isinstance(v, str) else v for k, v in facts.items()}
        line = json.dumps({"at": datetime.now(UTC).isoformat(), **short}) + "\n"
        try:
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError:
            _log.exception("the audit log does not take %s", line.strip())
