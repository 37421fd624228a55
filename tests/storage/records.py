"""Rows to test with."""

from __future__ import annotations

from falcon_svc.storage import Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.ids import new_id
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.kinds import DISCOVERY
from falcon_svc.storage.tables import Dataset, Job

KEEP_S = 1000.0


def add_dataset(
    database: Database, tenant: str = "a", size_bytes: int = 10, *, checked: bool = True
) -> Dataset:
    with database.write() as session:
        datasets = DatasetRepository(session)
        dataset = datasets.add(
            new_id("ds"),
            tenant,
            name="d",
            suffix=".npz",
            size_bytes=size_bytes,
            sha256="0" * 64,
            options={},
            metadata={},
        )
        if checked:
            datasets.validated(dataset.id, summary={}, error=None)
        return dataset


def add_job(
    database: Database, tenant: str = "a", dataset_id: str | None = None, kind: str = DISCOVERY
) -> str:
    dataset_id = dataset_id or add_dataset(database, tenant).id
    with database.write() as session:
        return JobRepository(session).add(tenant, dataset_id, {}, {}, kind=kind).id


def job_of(database: Database, job_id: str) -> Job:
    with database.read() as session:
        job = JobRepository(session).get(job_id)
    assert job is not None
    return job


def do(database: Database, method: str, *given, **named):
    """Call a method of `JobRepository` in a transaction of its own."""
    with database.write() as session:
        return getattr(JobRepository(session), method)(*given, **named)


def claimed(database: Database, owner: str = "s") -> Job:
    job = do(database, "claim", owner)
    assert job is not None
    return job
