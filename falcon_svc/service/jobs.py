"""Jobs as a client sees them: submit, look up, list, cancel, follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from falcon_svc.service import kinds
from falcon_svc.service.context import Context
from falcon_svc.service.idempotency import Once
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.service.webhooks import check_url
from falcon_svc.storage import Session
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.deliveries import DeliveryRepository
from falcon_svc.storage.jobs import JobRepository, Page, results_key
from falcon_svc.storage.kinds import DISCOVERY
from falcon_svc.storage.measures import LOOP_FAILURES, MeasureRepository
from falcon_svc.storage.reviews import remove_review
from falcon_svc.storage.states import INVALID, TERMINAL
from falcon_svc.storage.tables import Dataset, Event, Job, Measure

MOST_WEBHOOKS = 10


def submit(
    context: Context,
    caller: Caller,
    dataset_id: str,
    config: dict[str, Any],
    metadata: dict[str, Any],
    *,
    kind: str = DISCOVERY,
    webhook: str | None = None,
    key: str | None,
) -> tuple[Job, bool]:
    """Queue a job; return it and whether it is new. It is durable when this returns.

    Raises
    ------
    RequestError, ConfigError
        No such data set, an invalid one, too many jobs, bad settings, a refused webhook.
    """
    order = Order(dataset_id, config, metadata, webhook, kind=kind)
    check(context, [order])
    once = Once.of(caller.tenant, key, "job", kind, dataset_id, config, metadata, webhook)

    def make(session: Session) -> str:
        check_room(context, session, caller.tenant, 1)
        return add(session, caller.tenant, order)

    job_id, new = once.make(context.database, make)
    return get(context, caller, job_id), new


@dataclass(frozen=True)
class Order:
    """What a job is to be.

    Parameters
    ----------
    dataset_id, config, metadata
        As in the request.
    webhook
        URL that is told of its end.
    batch_id, custom_id
        The batch that it belongs to, and its name there.
    kind
        One of `falcon_svc.service.kinds.KINDS`.
    """

    dataset_id: str
    config: dict[str, Any]
    metadata: dict[str, Any]
    webhook: str | None = None
    batch_id: str | None = None
    custom_id: str | None = None
    kind: str = DISCOVERY


def check(context: Context, orders: Sequence[Order], *, place: str = "/body") -> None:
    """Raise unless orders are good as far as their own words go.

    `place` is the pointer of an order in the request, with `{}` for its number where there are
    several.
    """
    for number, order in enumerate(orders):
        where = f"{place.format(number)}/config"
        kinds.check(context, order.kind, order.config, place=where)
    urls = {order.webhook for order in orders if order.webhook is not None}
    if len(urls) > MOST_WEBHOOKS:
        raise RequestError(
            f"Expected at most {MOST_WEBHOOKS} different webhooks at once, found {len(urls)}; let "
            "jobs share them.",
            code="invalid_request",
        )
    for url in urls:  # each is looked up while the client waits
        check_url(url, context.settings)


def add(session: Session, tenant: str, order: Order, *, place: str = "/body") -> str:
    """Insert a job in the caller's transaction; return its id. `place` is as in `check`.

    Raises
    ------
    RequestError, ConfigError
        No such data set, an invalid one, or one that the settings do not go with.
    """
    dataset = _dataset(session, tenant, order.dataset_id)
    kinds.check_with(session, order.kind, order.config, dataset, f"{place}/config")
    job = JobRepository(session).add(
        tenant,
        order.dataset_id,
        order.config,
        order.metadata,
        kind=order.kind,
        batch_id=order.batch_id,
        custom_id=order.custom_id,
    )
    if order.webhook is not None:
        DeliveryRepository(session).add(job.id, order.webhook)
    return job.id


def check_room(context: Context, session: Session, tenant: str, more: int) -> None:
    """Raise RequestError if a tenant would have more open jobs than allowed."""
    n_open = JobRepository(session).count_open(tenant) + more
    most = context.settings.max_queued_jobs
    if n_open > most:
        raise RequestError(
            f"Expected at most {most:,} unfinished jobs, found {n_open:,} with this one; wait for "
            "some to end, or cancel them.",
            code="too_many_jobs",
        )


def _dataset(session: Session, tenant: str, dataset_id: str) -> Dataset:
    dataset = DatasetRepository(session).get(dataset_id, tenant)
    if dataset is None:
        raise not_found("data set", dataset_id)
    if dataset.state == INVALID:
        raise RequestError(
            f"Expected a data set without errors, found {dataset_id} invalid: "
            f"{(dataset.error or {}).get('detail', '')}",
            code="dataset_invalid",
        )
    return dataset


def get(context: Context, caller: Caller, job_id: str) -> Job:
    """Return a job of the caller's."""
    with context.database.read() as session:
        return of_caller(JobRepository(session).get(job_id), caller, job_id)


def of_caller(job: Job | None, caller: Caller, job_id: str) -> Job:
    """Return a job that was looked up, if there is one and it is the caller's."""
    if job is None or job.tenant != caller.tenant:
        raise not_found("job", job_id)
    return job


def by_id(context: Context, job_ids: Collection[str]) -> dict[str, Job]:
    """Return id -> job of those that exist, whosever they are."""
    with context.database.read() as session:
        return {job.id: job for job in JobRepository(session).those(job_ids)}


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
    context.artifacts.remove(results_key(job_id))
    remove_review(context.settings.data_dir, job_id)


def events_after(
    context: Context, places: Collection[tuple[str, int]]
) -> dict[tuple[str, int], Sequence[Event]]:
    """Return (job id, seq) -> that job's next events after that one."""
    with context.database.read() as session:
        jobs = JobRepository(session)
        return {(job_id, seq): jobs.events_after(job_id, seq) for job_id, seq in places}


def versions(context: Context, job_ids: Collection[str]) -> dict[str, int]:
    """Return id -> version of those jobs that exist."""
    with context.database.read() as session:
        return JobRepository(session).versions(job_ids)


@dataclass(frozen=True)
class Totals:
    """What is known of all jobs together.

    Parameters
    ----------
    jobs
        State -> number of jobs.
    measures
        Counts and sums of what succeeded attempts measured.
    """

    jobs: dict[str, int]
    measures: Sequence[Measure]


def totals(context: Context) -> Totals:
    """Return figures over all tenants."""
    with context.database.read() as session:
        jobs = JobRepository(session)
        return Totals(jobs.counts_by_state(), MeasureRepository(session).every())


def loop_failures(context: Context) -> Counter[str]:
    """Return how many turns of supervisors' loops have failed, by loop."""
    with context.database.read() as session:
        every = MeasureRepository(session).every()
    return Counter({one.label: one.count for one in every if one.kind == LOOP_FAILURES})
