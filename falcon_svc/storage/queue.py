"""Whose turn it is: tenants take turns, and within a tenant the oldest job is next.

Place: under `JobRepository.claim`. Next is the tenant with the fewest jobs at work, then the one
that has waited longest for a start. A job waits until its data set was found in order. Every
start looks into an index a few times for each waiting tenant, however many jobs wait.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from falcon_svc.storage.states import ACTIVE, QUEUED, READY
from falcon_svc.storage.tables import Dataset, Job

# Asked ten times a second where nothing is to be done: put together once.
_NEXT_TENANT = select(func.min(Job.tenant)).where(
    Job.state == QUEUED, Job.tenant > bindparam("tenant")
)


def next_ready(session: Session, *, cuda: bool) -> tuple[str, int] | None:
    """Return id and attempt of the job that is to be started, if any can be."""
    ready = [Job.state == QUEUED, Job.dataset_id == Dataset.id, Dataset.state == READY]
    if not cuda:
        ready.append(func.coalesce(Job.config["device"].as_string(), "auto") != "cuda")
    for tenant in _in_turn(session):
        query = select(Job.id, Job.attempt).where(Job.tenant == tenant, *ready)
        row = session.execute(query.order_by(Job.id).limit(1)).first()
        if row is not None:
            return row.id, row.attempt
    return None


def _in_turn(session: Session) -> list[str]:
    """Return the tenants with queued jobs, the one whose turn it is first."""
    waiting = list(_waiting(session))
    if len(waiting) < 2:
        return waiting
    counts = select(Job.tenant, func.count()).where(Job.state.in_(ACTIVE)).group_by(Job.tenant)
    at_work = dict(session.execute(counts).all())
    started = {
        tenant: session.scalar(select(func.max(Job.preparing_at)).where(Job.tenant == tenant))
        for tenant in waiting
    }
    return sorted(started, key=lambda t: (at_work.get(t, 0), started[t] or 0.0, t))


def _waiting(session: Session) -> Iterator[str]:
    """Give the tenants that have queued jobs: one look into the index for each."""
    tenant: str | None = ""
    while tenant is not None:
        tenant = session.scalar(_NEXT_TENANT, {"tenant": tenant})
        if tenant is not None:
            yield tenant
