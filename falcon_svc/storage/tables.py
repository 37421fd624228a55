"""The tables. A tenant on every row; times are seconds since 1970, UTC.

A job is its row in `jobs`. Every change of it raises `version` and writes an event of the same
number, in one transaction, so that a stream of events misses nothing and repeats nothing. An
attempt at a job has a number; the job's `attempt` is the current one, and what an earlier attempt
writes is refused by a condition in the UPDATE (docs/decisions/0005-job-record.md).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Id = String(40)


class Base(DeclarativeBase):
    """All tables of the service."""

    type_annotation_map = {dict[str, Any]: JSON, list[str]: JSON, int: BigInteger, float: Float}  # noqa: RUF012


class Dataset(Base):
    """An uploaded data set; immutable once it is ready."""

    __tablename__ = "datasets"
    __table_args__ = (
        Index("ix_datasets_tenant", "tenant", "id"),
        Index("ix_datasets_state", "state"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    suffix: Mapped[str] = mapped_column(String(16))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]
    user_metadata: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    summary: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[float]
    validated_at: Mapped[float | None]


class Job(Base):
    """Work on a data set that somebody asked for: a discovery, or another of `storage.kinds`."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_tenant_id", "tenant", "id"),
        Index("ix_jobs_tenant_state", "tenant", "state", "id"),
        Index("ix_jobs_state", "state", "tenant"),
        Index("ix_jobs_batch", "batch_id", "id"),
        Index("ix_jobs_dataset", "dataset_id", "id"),
        Index("ix_jobs_served", "tenant", "preparing_at"),
        Index("ix_jobs_expiry", "state", "expires_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id"))
    custom_id: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16), server_default="discovery")
    config: Mapped[dict[str, Any]]
    user_metadata: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    attempt: Mapped[int]
    stage: Mapped[str | None] = mapped_column(String(40))
    done: Mapped[int]
    total: Mapped[int]
    eta_s: Mapped[float | None]
    error: Mapped[dict[str, Any] | None]
    summary: Mapped[dict[str, Any] | None]
    result_key: Mapped[str | None] = mapped_column(String(120))
    created_at: Mapped[float]
    preparing_at: Mapped[float | None]
    running_at: Mapped[float | None]
    cancel_requested_at: Mapped[float | None]
    ended_at: Mapped[float | None]
    expires_at: Mapped[float | None]


class Attempt(Base):
    """One try at a job, by one process."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_open", "ended_at", "job_id"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    beat: Mapped[int]
    started_at: Mapped[float]
    ended_at: Mapped[float | None]
    outcome: Mapped[str | None] = mapped_column(String(40))


class Event(Base):
    """A change of a job, numbered by the job's version."""

    __tablename__ = "events"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    at: Mapped[float]


class Batch(Base):
    """Jobs that were submitted together."""

    __tablename__ = "batches"
    __table_args__ = (Index("ix_batches_tenant", "tenant", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    user_metadata: Mapped[dict[str, Any]]
    created_at: Mapped[float]


class Measure(Base):
    """Count and sum of something that succeeded attempts measured, such as a stage's seconds."""

    __tablename__ = "measures"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    label: Mapped[str] = mapped_column(String(40), primary_key=True)
    count: Mapped[int]
    sum: Mapped[float]


class Upload(Base):
    """A file that arrives in parts; the parts lie in the staging folder."""

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_tenant", "tenant", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    size_bytes: Mapped[int]
    dataset_id: Mapped[str | None] = mapped_column(Id)
    created_at: Mapped[float]
    expires_at: Mapped[float]


class Delivery(Base):
    """A webhook that is to be told of a job's end."""

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_due", "ended_at", "next_at"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    tries: Mapped[int]
    next_at: Mapped[float]
    ended_at: Mapped[float | None]
    outcome: Mapped[str | None] = mapped_column(String(200))


class IdempotencyRecord(Base):
    """What an `Idempotency-Key` made; written in the transaction that makes it."""

    __tablename__ = "idempotency"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    resource_id: Mapped[str] = mapped_column(Id)
    created_at: Mapped[float]


class ApiKey(Base):
    """A key's public part and the keyed digest of its secret."""

    __tablename__ = "api_keys"
    __table_args__ = (UniqueConstraint("digest"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tenant: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    created_at: Mapped[float]
    expires_at: Mapped[float | None]
    revoked_at: Mapped[float | None]
