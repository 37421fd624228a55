"""What has to be done now and then, beside jobs: webhooks, and what nobody needs any more."""

from __future__ import annotations

import time
from dataclasses import dataclass

from falcon_svc.service import uploads
from falcon_svc.service.context import Context
from falcon_svc.service.operations.orphans import orphans
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.service.webhooks import deliver_due
from falcon_svc.storage.keys import KeyRepository

EVERY_S = 1.0
SWEEP_S = 300.0
REMEMBER_S = 7 * 86_400.0
WEBHOOKS, SWEEPS = "webhooks", "housekeeping"


@dataclass
class Stop:
    """Whether a loop is to end."""

    wanted: bool = False


def send_webhooks(context: Context, vitals: Vitals, stop: Stop) -> None:
    """Send what is due until told to stop."""
    while not stop.wanted:
        time.sleep(EVERY_S)
        with vitals.turn(WEBHOOKS):
            deliver_due(context.settings, context.database, context.keyring)


def keep_house(context: Context, vitals: Vitals, stop: Stop) -> None:
    """Sweep now and then until told to stop."""
    swept = -SWEEP_S
    while not stop.wanted:
        time.sleep(EVERY_S)
        if time.monotonic() - swept > SWEEP_S:
            swept = time.monotonic()
            sweep(context, vitals)


def sweep(context: Context, vitals: Vitals) -> None:
    """Remove late uploads, old idempotency keys, files that no row names, and deleted rows.

    What cannot be done now does not keep the rest from being done.
    """
    for work in (uploads.sweep, _forget_answers, _empty_log):
        with vitals.turn(SWEEPS, work.__name__):
            work(context)
    stray: list[str] = []
    with vitals.turn(SWEEPS, "orphans"):
        stray = list(orphans(context.artifacts, context.database))
    for key in stray:
        with vitals.turn(SWEEPS, key):
            context.artifacts.remove(key)


def _forget_answers(context: Context) -> None:
    with context.database.write() as session:
        KeyRepository(session).forget_answers(time.time() - REMEMBER_S)


def _empty_log(context: Context) -> None:
    context.database.empty_log()
