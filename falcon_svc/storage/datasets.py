"""Data sets in SQL: uploaded, checked once, never changed after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.states import INVALID, OPEN, READY, VALIDATING
from falcon_svc.storage.tables import Dataset, Job

_HAS_FILE = Dataset.state != INVALID
_TO_VALIDATE = select(Dataset).where(Dataset.state == VALIDATING).order_by(Dataset.id).limit(20)


def folder_key(dataset_id: str) -> str:
    """Return the artifact key of all files of a data set."""
    return f"datasets/{dataset_id}"


def labels_key(dataset_id: str) -> str:
    """Return the artifact key of the labels that lie beside a `.npy` file."""
    return f"{folder_key(dataset_id)}/labels.csv"


def file_key(dataset_id: str, suffix: str) -> str:
    """Return the artifact key of a data set's file."""
    return f"{folder_key(dataset_id)}/data{suffix}"


class DatasetRepository:
    """Data sets as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(
        self,
        dataset_id: str,
        tenant: str,
        *,
        name: str,
        suffix: str,
        size_bytes: int,
        sha256: str,
        options: dict[str, Any],
        metadata: dict[str, Any],
    ) -> Dataset:
        """Insert a data set that is to be checked; its file is stored already."""
        dataset = Dataset(
            id=dataset_id,
            tenant=tenant,
            name=name,
            suffix=suffix,
            size_bytes=size_bytes,
            sha256=sha256,
            options=options,
            user_metadata=metadata,
            state=VALIDATING,
            created_at=time.time(),
        )
        self.session.add(dataset)
        self.session.flush()
        return dataset

    def get(self, dataset_id: str, tenant: str | None = None) -> Dataset | None:
        """Return a data set; None if there is none, or it is another tenant's."""
        found = self.session.get(Dataset, dataset_id)
        return found if found is not None and tenant in (None, found.tenant) else None

    def same_file(self, tenant: str, suffix: str, sha256: str) -> str | None:
        """Return the id of a data set of a tenant's that has a file of the same bytes."""
        query = select(Dataset.id).where(Dataset.tenant == tenant, Dataset.sha256 == sha256)
        return self.session.scalar(query.where(Dataset.suffix == suffix, _HAS_FILE).limit(1))

    def page(
        self, tenant: str, *, size: int, before: str | None = None
    ) -> tuple[Sequence[Dataset], bool]:
        """Return up to `size` data sets, newest first, and whether more follow."""
        query = select(Dataset).where(Dataset.tenant == tenant).order_by(Dataset.id.desc())
        if before is not None:
            query = query.where(Dataset.id < before)
        found = self.session.scalars(query.limit(size + 1)).all()
        return found[:size], len(found) > size

    def files(self) -> dict[str, tuple[str, str]]:
        """Return id -> artifact key and sha256 of the file, of all data sets that have one."""
        query = select(Dataset.id, Dataset.suffix, Dataset.sha256).where(_HAS_FILE)
        rows = self.session.execute(query)
        return {row.id: (file_key(row.id, row.suffix), row.sha256) for row in rows}

    def usage(self, tenant: str) -> tuple[int, int]:
        """Return number and bytes of a tenant's data sets."""
        stored = case((_HAS_FILE, Dataset.size_bytes), else_=0)
        query = select(func.count(), func.coalesce(func.sum(stored), 0))
        count, size_bytes = self.session.execute(query.where(Dataset.tenant == tenant)).one()
        return int(count), int(size_bytes)

    def to_validate(self) -> Sequence[Dataset]:
        """Return the data sets that are to be checked, oldest first."""
        return self.session.scalars(_TO_VALIDATE).all()

    def validated(
        self,
        dataset_id: str,
        *,
        summary: dict[str, Any] | None,
        error: dict[str, Any] | None,
        keep_s: float = 0.0,
    ) -> bool:
        """Record the outcome of the check, once; jobs that wait for it fail with its error.

        These are kept for `keep_s`. The caller deletes the files of an invalid data set.
        """
        state = READY if error is None else INVALID
        done = self.session.execute(
            update(Dataset)
            .where(Dataset.id == dataset_id, Dataset.state == VALIDATING)
            .values(state=state, summary=summary, error=error, validated_at=time.time())
        )
        if not done.rowcount:  # type: ignore[attr-defined]
            return False
        if error is not None:
            JobRepository(self.session).refuse(dataset_id, error, keep_s=keep_s)
        return True

    def in_use(self, dataset_id: str) -> bool:
        """Return whether a job that has not ended needs it."""
        query = select(Job.id).where(Job.dataset_id == dataset_id, Job.state.in_(OPEN))
        return self.session.scalar(query.limit(1)) is not None

    def delete(self, dataset_id: str) -> list[str]:
        """Remove a data set and the jobs on it; return the ids of these."""
        jobs = list(self.session.scalars(select(Job.id).where(Job.dataset_id == dataset_id)))
        self.session.execute(delete(Job).where(Job.dataset_id == dataset_id))
        self.session.execute(delete(Dataset).where(Dataset.id == dataset_id))
        return jobs
