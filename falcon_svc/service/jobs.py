"""Jobs as a client sees them: submit, look up, list, cancel, follow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from falcon_svc.config import make_config
from falcon_svc.service.context import Context
from falcon_svc.service.idempotency import Once
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage import Session
from falcon_svc.storage.datasets import INVALID, DatasetRepository
from falcon_svc.storage.jobs import JobRepository, Page
from falcon_svc.storage.states import FINISHED, TERMINAL
from falcon_svc.storage.tables import Event, Job

POLL_S = 0.1


def submit(
    context: Context,
    caller: Caller,
    dataset_id: str,
    config: dict[str, Any],
    metadata: dict[str, Any],
    *,
    key: str | None,
) -> tuple[Job, bool]:
    """Queue a job; return it and whether it is new. It is durable when this returns.

    Raises
    ------
    RequestError, ConfigError
        No such data set, an invalid one, too many jobs, bad settings.
    """
    make_config(config)
    once = Once.of(caller.tenant, key, "job", dataset_id, config, metadata)

    def make(session: Session) -> str:
        _check_dataset(session, caller.tenant, dataset_id)
        jobs = JobRepository(session)
        check_room(context, jobs.count_open(caller.tenant) + 1)
        return jobs.add(caller.tenant, dataset_id, config, metadata).id

    job_id, new = once.make(context.database, make)
    return get(context, caller, job_id), new


def check_room(context: Context, n_open: int) -> None:
    """Raise RequestError if a tenant would have more open jobs than allowed."""
    most = context.settings.max_queued_jobs
    if n_open > most:
        raise RequestError(
            f"Expected at most {most:,} unfinished jobs, found {n_open:,} with this one; wait for "
            "some to end, or cancel them.",
            code="quota_exceeded",
        )


def _check_dataset(session: Session, tenant: str, dataset_id: str) -> None:
    dataset = DatasetRepository(session).get(dataset_id, tenant)
    if dataset is None:
        raise not_found("data set", dataset_id)
    if dataset.state == INVALID:
        raise RequestError(
            f"Expected a data set without errors, found {dataset_id} invalid: "
            f"{(dataset.error or {}).get('detail', '')}",
            code="dataset_invalid",
        )


def get(context: Context, caller: Caller, job_id: str) -> Job:
    """Return a job of the caller's."""
    with context.database.read() as session:
        job = JobRepository(session).get(job_id, caller.tenant)
    if job is None:
        raise not_found("job", job_id)
    return job


def page(context: Context, caller: Caller, *, size: int, **where: str | None) -> Page:
    """Return a page of the caller's jobs."""
    with context.database.read() as session:
        return JobRepository(session).page(caller.tenant, size=size, **where)


def cancel(context: Context, caller: Caller, job_id: str) -> Job:
    """Ask for a job's end; asking again changes nothing.

    Raises
    ------
    RequestError
        The job has ended otherwise (code ``already_finished``).
    """
    get(context, caller, job_id)
    with context.database.write() as session:
        JobRepository(session).cancel(job_id, keep_s=context.settings.retention_s)
    job = get(context, caller, job_id)
    if job.state in TERMINAL and job.cancel_requested_at is None:
        raise RequestError(
            f"Expected a job that has not ended, found {job_id} {job.state}; there is nothing to "
            "cancel.",
            code="already_finished",
        )
    return job


def delete(context: Context, caller: Caller, job_id: str) -> None:
    """Delete an ended job with its result.

    Raises
    ------
    RequestError
        It has not ended (code ``not_finished``).
    """
    job = get(context, caller, job_id)
    with context.database.write() as session:
        gone = JobRepository(session).delete(job_id)
    if not gone:
        raise RequestError(
            f"Expected a job that has ended, found {job_id} {job.state}; cancel it first.",
            code="not_finished",
        )
    if job.result_key is not None:
        context.artifacts.remove(job.result_key)


def events_after(context: Context, job_id: str, seq: int) -> Sequence[Event]:
    """Return a job's next events."""
    with context.database.read() as session:
        return JobRepository(session).events_after(job_id, seq)


def wait(context: Context, caller: Caller, job_id: str, seconds: float) -> Job:
    """Return a job once it has ended, or after some time."""
    deadline = time.monotonic() + min(seconds, context.settings.most_wait_s)
    while (job := get(context, caller, job_id)).state not in TERMINAL:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    return job


def is_finished(job: Job) -> bool:
    """Whether a job has ended and not expired."""
    return job.state in FINISHED
