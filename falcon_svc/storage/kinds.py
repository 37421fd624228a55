"""The kinds of jobs, by name: what a job makes of its data set.

Place: beside `states`. What a kind takes is said by `falcon_svc.service.kinds`, what it does by
`falcon_svc.worker.kinds`; a test holds all three together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from falcon_svc.storage.tables import Job

DISCOVERY, CLASSIFIER, ADVICE = "discovery", "classifier", "advice"
KINDS = (DISCOVERY, CLASSIFIER, ADVICE)


def device_of(job: Job) -> str:
    """Return where a job is to run: heads are small, so that only a discovery may want a GPU."""
    return str(job.config.get("device", "auto")) if job.kind == DISCOVERY else "cpu"
