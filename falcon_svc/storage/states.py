"""The states of a job, and which follow which.

queued -> preparing -> running -> succeeded | failed
preparing, running -> queued (the attempt was lost; another one follows)
queued -> canceled;  preparing, running -> canceling -> canceled | succeeded
succeeded, failed, canceled -> expired
"""

from __future__ import annotations

from typing import Literal, get_args

State = Literal[
    "queued", "preparing", "running", "canceling", "succeeded", "failed", "canceled", "expired"
]
"""The one list of them: the API's types, the client's and the record's constants are of it."""

STATES: tuple[str, ...] = get_args(State)
QUEUED, PREPARING, RUNNING, CANCELING, SUCCEEDED, FAILED, CANCELED, EXPIRED = STATES

ACTIVE = (PREPARING, RUNNING, CANCELING)
"""An attempt is, or may be, at work."""

OPEN = (QUEUED, *ACTIVE)
FINISHED = (SUCCEEDED, FAILED, CANCELED)
TERMINAL = (*FINISHED, EXPIRED)

VALIDATING, READY, INVALID = "validating", "ready", "invalid"
"""Of a data set: it is checked once, jobs on it wait for that."""
