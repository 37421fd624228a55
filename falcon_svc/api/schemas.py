"""The documents of the API. Times are RFC 3339 in UTC; unknown names in requests are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.api.summary_schemas import (
    AdviceSummary,
    ClassifierSummary,
    DiscoverySummary,
    MetricsSummary,
)
from falcon_svc.service.system import FORMATS
from falcon_svc.service.times import as_datetime
from falcon_svc.storage.kinds import Kind
from falcon_svc.storage.states import SUCCEEDED, State
from falcon_svc.storage.tables import Batch, Dataset, Job, Upload

Item = TypeVar("Item")
Metadata = dict[str, str]
NAME = rf"^[^/\\\x00-\x1f]+\.({'|'.join(suffix[1:] for suffix in FORMATS)})$"
"""Names of files, for the OpenAPI document; the service says more exactly what is wrong."""


class Request(BaseModel):
    """A body that a client sends."""

    model_config = ConfigDict(extra="forbid", strict=True)


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(examples=["/counts/n_fine"], description="JSON pointer to what is wrong.")
    detail: str = Field(examples=["expected a valid integer, found 'many'"])


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:falcon:problem:not_found"])
    status: int = Field(examples=[404])
    code: str = Field(examples=["not_found"], description="Stable code of the error, for programs.")
    detail: str = Field(
        description="Sentence for people: what was expected, what was found, what to do."
    )
    request_id: str | None = Field(
        None, description="Identifier of the request, as in the service's log."
    )
    errors: list[FieldProblem] = Field(
        default_factory=list, description="Everything that is wrong with the request."
    )


class Failure(BaseModel):
    """What ended a job, or makes a data set invalid: members of a problem document."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(
        examples=["max_attempts"], description="Stable code of the error, for programs."
    )
    detail: str = Field(
        description="Sentence for people: what was expected, what was found, what to do."
    )
    cause: str | None = Field(None, description="How the last of several attempts ended.")
    errors: list[dict[str, Any]] = Field(default_factory=list, description="Rows that are wrong.")


class Page(BaseModel, Generic[Item]):
    """A part of a listing, newest first."""

    items: list[Item]
    next_page_token: str | None = Field(
        None, description="Token of the next page; null on the last one."
    )


class DatasetSummary(BaseModel):
    """What is in a data set."""

    model_config = ConfigDict(extra="allow")

    n_samples: int
    n_dims: int | None = Field(None, description="Numbers per sample; null for images, texts.")
    kind: str = Field(examples=["vectors"])
    classes: dict[str, dict[str, int]] = Field(
        description="Numbers of samples, by label source and coarse class."
    )
    notes: list[dict[str, str]] = Field(
        default_factory=list,
        description="What to know before trusting a result: a stable code and a sentence each.",
    )
    columns: list[str] | None = Field(
        None, description="All columns of the file; null for labels alone and beyond 1,000."
    )


class DatasetOut(BaseModel):
    """A data set."""

    id: str
    name: str
    state: Literal["validating", "ready", "invalid"]
    size_bytes: int
    sha256: str = Field(description="SHA-256 of the file's bytes, in hexadecimal digits.")
    options: dict[str, Any]
    metadata: Metadata
    summary: DatasetSummary | None = Field(
        None, description="What the data set holds; null until it was read."
    )
    error: Failure | None = Field(
        None, description="Why the data set is invalid, row by row; null if it is not."
    )
    created_at: datetime
    validated_at: datetime | None = None

    @classmethod
    def of(cls, row: Dataset) -> DatasetOut:
        """Return the document of a row."""
        return cls(
            id=row.id,
            name=row.name,
            state=row.state,
            size_bytes=row.size_bytes,
            sha256=row.sha256,
            options=row.options,
            metadata=row.user_metadata,
            summary=row.summary,
            error=_failure(row.error),
            created_at=as_datetime(row.created_at),
            validated_at=_maybe(row.validated_at),
        )


class UploadIn(Request):
    """A file that will come in parts."""

    name: str = Field(
        examples=["birds.npz"],
        json_schema_extra={"minLength": 5, "maxLength": 200, "pattern": NAME},
    )
    size_bytes: int = Field(ge=1, description="Bytes of the whole file.")


class UploadOut(BaseModel):
    """A file on its way."""

    id: str
    name: str
    size_bytes: int
    received_parts: list[int] = Field(description="Numbers of the parts that have arrived.")
    dataset_id: str | None = Field(
        None, description="The data set that the upload became; null until then."
    )
    expires_at: datetime

    @classmethod
    def of(cls, row: Upload, parts: list[int]) -> UploadOut:
        """Return the document of a row."""
        return cls(
            id=row.id,
            name=row.name,
            size_bytes=row.size_bytes,
            received_parts=parts,
            dataset_id=row.dataset_id,
            expires_at=as_datetime(row.expires_at),
        )


class CompleteIn(Request):
    """The end of an upload."""

    sha256: str = Field(
        pattern="^[0-9a-f]{64}$", description="SHA-256 of the whole file, in hexadecimal digits."
    )
    options: dict[str, Any] = Field(default_factory=dict)
    metadata: Metadata = Field(default_factory=dict, max_length=50)


class WebhookIn(Request):
    """Who is told when a job ends."""

    url: str = Field(
        max_length=2000,
        examples=["https://example.org/falcon"],
        json_schema_extra={"format": "uri", "pattern": "^https://"},
    )


class JobIn(Request):
    """A job to queue."""

    dataset_id: str = Field(examples=["ds_01k8…"])
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of the kind: those of a configuration file for a discovery, else "
        "those of docs/hierarchical-classifiers.md.",
        examples=[{"counts": {"n_fine": 40}, "seed": 0}],
    )
    metadata: Metadata = Field(default_factory=dict, max_length=50)
    webhook: WebhookIn | None = None
    kind: Kind = Field("discovery", description="What is to be made of the data set.")


class Progress(BaseModel):
    """How far a stage is."""

    done: int
    total: int
    eta_s: float | None = None

    @classmethod
    def of(cls, row: Job) -> Progress:
        """Return the progress of a row; a job that has succeeded is at its end."""
        done = row.total if row.state == SUCCEEDED else row.done
        return cls(done=done, total=row.total, eta_s=row.eta_s)


class JobOut(BaseModel):
    """A job."""

    id: str
    dataset_id: str
    batch_id: str | None = None
    custom_id: str | None = None
    kind: Kind
    state: State
    stage: str | None = None
    progress: Progress
    attempt: int = Field(description="Number of the present attempt; 0 before the first.")
    config: dict[str, Any]
    metadata: Metadata
    summary: DiscoverySummary | ClassifierSummary | AdviceSummary | MetricsSummary | None = Field(
        None, description="Figures of the result, by the kind; null until the job has succeeded."
    )
    error: Failure | None = Field(None, description="Why the job failed; null if it did not.")
    created_at: datetime
    preparing_at: datetime | None = None
    running_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, row: Job) -> JobOut:
        """Return the document of a row."""
        return cls(
            id=row.id,
            dataset_id=row.dataset_id,
            batch_id=row.batch_id,
            custom_id=row.custom_id,
            kind=row.kind,
            state=row.state,
            stage=row.stage,
            progress=Progress.of(row),
            attempt=row.attempt,
            config=row.config,
            metadata=row.user_metadata,
            summary=row.summary,
            error=_failure(row.error),
            created_at=as_datetime(row.created_at),
            preparing_at=_maybe(row.preparing_at),
            running_at=_maybe(row.running_at),
            cancel_requested_at=_maybe(row.cancel_requested_at),
            ended_at=_maybe(row.ended_at),
            expires_at=_maybe(row.expires_at),
        )


class JobEvent(BaseModel):
    """A change of a job, as `data` of an event: the members that differ from before."""

    at: datetime
    state: State | None = None
    attempt: int | None = None
    stage: str | None = None
    done: int | None = None
    total: int | None = None
    eta_s: float | None = None
    error: Failure | None = None


class BatchJobIn(JobIn):
    """A job of a batch."""

    custom_id: str = Field(
        min_length=1, max_length=200, description="Your own name for the job, used once in a batch."
    )


class BatchIn(Request):
    """Jobs to queue together."""

    jobs: list[BatchJobIn] = Field(min_length=1, max_length=1000)
    metadata: Metadata = Field(default_factory=dict, max_length=50)


class BatchOut(BaseModel):
    """Jobs that were queued together."""

    id: str
    request_counts: dict[str, int] = Field(description="Number of jobs in all, and in each state.")
    ended: bool = Field(description="Whether all jobs of the batch have ended.")
    results_url: str = Field(description="Path of a line per job that has succeeded.")
    errors_url: str = Field(description="Path of a line per job that has ended otherwise.")
    metadata: Metadata
    created_at: datetime

    @classmethod
    def of(cls, row: Batch, counts: dict[str, int], *, ended: bool) -> BatchOut:
        """Return the document of a row."""
        return cls(
            id=row.id,
            request_counts=counts,
            ended=ended,
            results_url=f"/v1/batches/{row.id}/results",
            errors_url=f"/v1/batches/{row.id}/errors",
            metadata=row.user_metadata,
            created_at=as_datetime(row.created_at),
        )


class Health(BaseModel):
    """The answer of a service that is well."""

    status: Literal["ok"] = "ok"


class Capabilities(BaseModel):
    """What this service can do."""

    version: str
    formats: list[str]
    dataset_options: list[str]
    encoders: list[str]
    devices: list[str] = Field(description="Devices that a job may name beside auto.")
    engine: str
    limits: dict[str, int | float]


def _failure(error: dict[str, Any] | None) -> Failure | None:
    return None if error is None else Failure.model_validate(error)


def _maybe(seconds: float | None) -> datetime | None:
    return None if seconds is None else as_datetime(seconds)
