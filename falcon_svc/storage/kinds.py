"""The kinds of jobs, by name: what a job makes of its data set.

Place: beside `states`. What a kind takes is said by `falcon_svc.service.kinds`, what it does by
`falcon_svc.worker.kinds`; a test holds all three together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from falcon_svc.storage.tables import Job

Kind = Literal["discovery", "classifier", "advice", "metrics"]
KINDS: tuple[str, ...] = get_args(Kind)
DISCOVERY, CLASSIFIER, ADVICE, METRICS = KINDS
NAMED = {"classes_of": DISCOVERY, "classifier": CLASSIFIER}
"""Setting that names another job, whose result a job works with -> the kind of that one."""
BESIDE = "predictions"
"""Setting that names a data set beside the job's own."""


def named_job(config: dict[str, Any]) -> str | None:
    """Return the id of the job whose result a job's settings name, if they do."""
    return next((config[name] for name in NAMED if config.get(name) is not None), None)


def device_of(job: Job) -> str:
    """Return where a job is to run: heads are small, so that a GPU is for what trains a network."""
    trains = job.kind == DISCOVERY or job.config.get("joint", {}).get("train_encoder", False)
    return str(job.config.get("device", "auto")) if trains else "cpu"
