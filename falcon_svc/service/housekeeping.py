"""What has to be done now and then, beside jobs: webhooks, and what nobody needs any more."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from falcon_svc.service import uploads
from falcon_svc.service.context import Context
from falcon_svc.service.orphans import orphans
from falcon_svc.service.webhooks import deliver_due
from falcon_svc.storage import DatabaseError
from falcon_svc.storage.keys import KeyRepository

EVERY_S = 1.0
SWEEP_S = 300.0
REMEMBER_S = 7 * 86_400.0
_log = logging.getLogger(__name__)


@dataclass
class Stop:
    """Whether a loop is to end."""

    wanted: bool = False


def keep_house(context: Context, stop: Stop) -> None:
    """Do it until told to stop."""
    swept = -SWEEP_S
    while not stop.wanted:
        time.sleep(EVERY_S)
        try:
            deliver_due(context.settings, context.database, context.keyring)
            if time.monotonic() - swept > SWEEP_S:
                swept = time.monotonic()
                sweep(context)
        except (DatabaseError, OSError):
            _log.warning("housekeeping failed; it is tried again", exc_info=True)


def sweep(context: Context) -> None:
    """Remove late uploads, old idempotency keys, files that no row names, and deleted rows."""
    uploads.sweep(context)
    with context.database.write() as session:
        KeyRepository(session).forget_answers(time.time() - REMEMBER_S)
    for key in list(orphans(context.artifacts, context.database)):
        context.artifacts.remove(key)
    context.database.empty_log()
