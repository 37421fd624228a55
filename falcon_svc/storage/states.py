"""The states of a job, and which follow which.

queued -> preparing -> running -> succeeded | failed
preparing, running -> queued (the attempt was lost; another one follows)
queued -> canceled;  preparing, running -> canceling -> canceled | succeeded
succeeded, failed, canceled -> expired
"""

from __future__ import annotations

QUEUED, PREPARING, RUNNING, CANCELING = "queued", "preparing", "running", "canceling"
SUCCEEDED, FAILED, CANCELED, EXPIRED = "succeeded", "failed", "canceled", "expired"

ACTIVE = (PREPARING, RUNNING, CANCELING)
"""An attempt is, or may be, at work."""

OPEN = (QUEUED, *ACTIVE)
FINISHED = (SUCCEEDED, FAILED, CANCELED)
TERMINAL = (*FINISHED, EXPIRED)
STATES = (*OPEN, *TERMINAL)

VALIDATING, READY, INVALID = "validating", "ready", "invalid"
"""Of a data set: it is checked once, jobs on it wait for that."""
