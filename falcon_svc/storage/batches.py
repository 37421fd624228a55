"""Batches in SQL: jobs that were submitted together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from falcon_svc.storage.ids import new_id
from falcon_svc.storage.tables import Batch, Job

AT_ONCE = 200


class BatchRepository:
    """Batches as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, tenant: str, metadata: dict[str, Any]) -> Batch:
        """Insert a batch; its jobs name it."""
        batch = Batch(
            id=new_id("batch"), tenant=tenant, user_metadata=metadata, created_at=time.time()
        )
        self.session.add(batch)
        self.session.flush()
        return batch

    def get(self, batch_id: str, tenant: str) -> Batch | None:
        """Return a batch of a tenant's."""
        found = self.session.get(Batch, batch_id)
        return found if found is not None and found.tenant == tenant else None

    def page(
        self, tenant: str, *, size: int, before: str | None = None
    ) -> tuple[Sequence[Batch], bool]:
        """Return up to `size` batches, newest first, and whether more follow."""
        query = select(Batch).where(Batch.tenant == tenant).order_by(Batch.id.desc())
        if before is not None:
            query = query.where(Batch.id < before)
        found = self.session.scalars(query.limit(size + 1)).all()
        return found[:size], len(found) > size

    def jobs(self, batch_id: str) -> Iterator[Job]:
        """Give a batch's jobs, oldest first, a few hundred in memory."""
        last = ""
        while True:
            query = select(Job).where(Job.batch_id == batch_id, Job.id > last)
            found = self.session.scalars(query.order_by(Job.id).limit(AT_ONCE)).all()
            if not found:
                return
            yield from found
            last = found[-1].id
            self.session.expunge_all()
