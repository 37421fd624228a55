"""Webhook deliveries in SQL: one for each job that asked, due once the job has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.states import FINISHED
from falcon_svc.storage.tables import Delivery, Job


class DeliveryRepository:
    """Deliveries as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, job_id: str, url: str) -> None:
        """Insert the delivery of a job's end."""
        self.session.add(Delivery(job_id=job_id, url=url, tries=0, next_at=time.time()))
        self.session.flush()

    def get(self, job_id: str) -> Delivery | None:
        """Return a job's delivery."""
        return self.session.get(Delivery, job_id)

    def due(self, *, most: int) -> Sequence[tuple[Delivery, Job]]:
        """Return deliveries whose job has ended and whose time has come."""
        query = (
            select(Delivery, Job)
            .where(Delivery.job_id == Job.id, Job.state.in_(FINISHED))
            .where(Delivery.ended_at.is_(None), Delivery.next_at <= time.time())
            .order_by(Delivery.next_at)
        )
        return [(row.Delivery, row.Job) for row in self.session.execute(query.limit(most))]

    def tried(self, job_id: str, outcome: str, *, again_in_s: float | None) -> None:
        """Record a try; None = it was the last one."""
        now = time.time()
        next_at, ended_at = (now, now) if again_in_s is None else (now + again_in_s, None)
        self.session.execute(
            update(Delivery)
            .where(Delivery.job_id == job_id, Delivery.ended_at.is_(None))
            .values(
                tries=Delivery.tries + 1, outcome=outcome[:200], next_at=next_at, ended_at=ended_at
            )
        )
