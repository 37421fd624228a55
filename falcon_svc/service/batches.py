"""Batches as a client sees them: all jobs are queued, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from falcon_svc.service import jobs
from falcon_svc.service.context import Context
from falcon_svc.service.idempotency import Once
from falcon_svc.service.keys import Caller
from falcon_svc.service.kinds import KINDS
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage import Session
from falcon_svc.storage.batches import BatchRepository
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.states import OPEN, SUCCEEDED
from falcon_svc.storage.tables import Batch, Job

PLACE = "/body/jobs/{}"
"""Pointer of an order in the request."""


@dataclass(frozen=True)
class Counted:
    """A batch with the numbers of its jobs by state, `total` among them."""

    batch: Batch
    counts: dict[str, int]

    @property
    def ended(self) -> bool:
        """Whether every job has."""
        return not any(self.counts.get(state) for state in OPEN)


def submit(
    context: Context,
    caller: Caller,
    orders: Sequence[jobs.Order],
    metadata: dict[str, Any],
    *,
    key: str | None,
) -> Counted:
    """Queue jobs together, in one transaction.

    Raises
    ------
    RequestError, ConfigError
        A `custom_id` comes twice, or a job would be refused alone; nothing is queued then.
    """
    _check_names(orders)
    jobs.check(context, orders, place=PLACE)
    asked = [[o.custom_id, o.kind, o.dataset_id, o.config, o.metadata, o.webhook] for o in orders]
    once = Once.of(caller.tenant, key, "batch", asked, metadata)

    def make(session: Session) -> str:
        jobs.check_room(context, session, caller.tenant, len(orders))
        batch = BatchRepository(session).add(caller.tenant, metadata)
        for number, order in enumerate(orders):
            place = PLACE.format(number)
            jobs.add(session, caller.tenant, replace(order, batch_id=batch.id), place=place)
        return batch.id

    batch_id, _ = once.make(context.database, make)
    return get(context, caller, batch_id)


def _check_names(orders: Sequence[jobs.Order]) -> None:
    names = [order.custom_id for order in orders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RequestError(
            f"Expected every custom_id once in a batch, found {str(twice)[:60]!r} twice; rename "
            "one.",
            code="invalid_request",
        )


def get(context: Context, caller: Caller, batch_id: str) -> Counted:
    """Return a batch of the caller's."""
    with context.database.read() as session:
        found = BatchRepository(session).get(batch_id, caller.tenant)
        if found is None:
            raise not_found("batch", batch_id)
        (counted,) = _counted(session, [found])
    return counted


def _counted(session: Session, found: Sequence[Batch]) -> list[Counted]:
    """Return batches with the states of their jobs, by one query for all of them."""
    counts = JobRepository(session).counts_of_batches([batch.id for batch in found])
    return [
        Counted(batch, {"total": sum(counts[batch.id].values()), **counts[batch.id]})
        for batch in found
    ]


def page(
    context: Context, caller: Caller, *, size: int, before: str | None
) -> tuple[list[Counted], bool]:
    """Return a page of the caller's batches and whether more follow."""
    with context.database.read() as session:
        found, more = BatchRepository(session).page(caller.tenant, size=size, before=before)
        return _counted(session, found), more


def cancel(context: Context, caller: Caller, batch_id: str) -> Counted:
    """Ask for the end of all jobs of a batch that have not ended."""
    get(context, caller, batch_id)
    with context.database.write() as session:
        repository = JobRepository(session)
        for job in list(BatchRepository(session).jobs(batch_id)):
            repository.cancel(job.id, keep_s=context.settings.retention_s)
    return get(context, caller, batch_id)


def outcomes(
    context: Context, caller: Caller, batch_id: str, *, succeeded: bool
) -> Iterator[dict[str, Any]]:
    """Give one record per ended job: those that succeeded, or the others with their errors."""
    get(context, caller, batch_id)
    return _outcomes(context, batch_id, succeeded=succeeded)


def _outcomes(context: Context, batch_id: str, *, succeeded: bool) -> Iterator[dict[str, Any]]:
    with context.database.read() as session:
        for job in BatchRepository(session).jobs(batch_id):
            if job.state not in OPEN and (job.state == SUCCEEDED) == succeeded:
                yield _outcome(job)


def _outcome(job: Job) -> dict[str, Any]:
    record = {"custom_id": job.custom_id, "job_id": job.id, "state": job.state}
    if job.state == SUCCEEDED:
        place = f"/v1/jobs/{job.id}"
        links = {name: f"{place}/{name}" for name in KINDS[job.kind].results}
        return {**record, "summary": job.summary, "links": links}
    return {**record, "error": job.error}
