"""What has to be done now and then, beside jobs: webhooks, and what nobody needs any more."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from falcon_svc.service import uploads
from falcon_svc.service.context import Context
from falcon_svc.service.webhooks import deliver_due
from falcon_svc.storage import DatabaseError
from falcon_svc.storage.datasets import DatasetRepository, folder_key
from falcon_svc.storage.ids import time_of
from falcon_svc.storage.keys import KeyRepository

EVERY_S = 1.0
SWEEP_S = 300.0
REMEMBER_S = 7 * 86_400.0
STRAY_S = 3_600.0
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
    """Remove late uploads, old idempotency keys, and files that no row names."""
    uploads.sweep(context)
    with context.database.write() as session:
        KeyRepository(session).forget_answers(time.time() - REMEMBER_S)
    for dataset_id in context.artifacts.names("datasets"):
        if time.time() - time_of(dataset_id) > STRAY_S and not _exists(context, dataset_id):
            context.artifacts.remove(folder_key(dataset_id))


def _exists(context: Context, dataset_id: str) -> bool:
    with context.database.read() as session:
        return DatasetRepository(session).get(dataset_id) is not None
