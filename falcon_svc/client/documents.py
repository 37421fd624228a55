"""The documents that the service answers with, as types of plain dicts.

Written by `python -m tests.api.client_documents` from `/v1/openapi.json`, their one source:
change `falcon_svc/api/*schemas.py`, then run it. Times are RFC 3339 texts.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

State = Literal[
    "queued", "preparing", "running", "canceling", "succeeded", "failed", "canceled", "expired"
]
Origin = Literal["given", "allocated", "estimated"]
Kind = Literal["medoid", "border", "suspect"]
GraphFormat = Literal["json", "graphml", "cytoscape"]


class Failure(TypedDict):
    """What ended a job, or makes a data set invalid: members of a problem document."""

    code: str
    detail: str
    cause: str | None
    errors: list[dict[str, Any]]


class DatasetSummary(TypedDict):
    """What is in a data set."""

    n_samples: int
    n_dims: int | None
    kind: str
    classes: dict[str, dict[str, int]]
    notes: list[dict[str, str]]


class Dataset(TypedDict):
    """A data set."""

    id: str
    name: str
    state: Literal["validating", "ready", "invalid"]
    size_bytes: int
    sha256: str
    options: dict[str, Any]
    metadata: dict[str, str]
    summary: DatasetSummary | None
    error: Failure | None
    created_at: str
    validated_at: str | None


class Upload(TypedDict):
    """A file on its way."""

    id: str
    name: str
    size_bytes: int
    received_parts: list[int]
    dataset_id: str | None
    expires_at: str


class Progress(TypedDict):
    """How far a stage is."""

    done: int
    total: int
    eta_s: float | None


class Stage(TypedDict):
    """One stage of a discovery."""

    name: str
    seconds: float
    peak_rss_bytes: int


class JobSummary(TypedDict):
    """What came of a discovery, in short."""

    n_samples: int
    n_fine: int
    n_fine_origin: Origin | None
    n_fine_interval: list[int] | None
    n_fine_runner_up: int | None
    seconds: float
    stages: list[Stage]


class Count(TypedDict):
    """How many fine classes a coarse class holds (first label source)."""

    coarse: str
    n_fine: int
    low: int
    high: int
    origin: Origin
    whole: float | None
    verdict: Literal["", "no better than chance", "weak", "clear"]


class Job(TypedDict):
    """A job."""

    id: str
    dataset_id: str
    batch_id: str | None
    custom_id: str | None
    state: State
    stage: str | None
    progress: Progress
    attempt: int
    config: dict[str, Any]
    metadata: dict[str, str]
    summary: JobSummary | None
    error: Failure | None
    created_at: str
    preparing_at: str | None
    running_at: str | None
    cancel_requested_at: str | None
    ended_at: str | None
    expires_at: str | None


class JobEvent(TypedDict):
    """A change of a job, as `data` of an event: what of it is other than before."""

    at: str
    state: NotRequired[State | None]
    attempt: NotRequired[int | None]
    stage: NotRequired[str | None]
    done: NotRequired[int | None]
    total: NotRequired[int | None]
    eta_s: NotRequired[float | None]
    error: NotRequired[Failure | None]


class Order(TypedDict):
    """A job of a batch."""

    dataset_id: str
    config: NotRequired[dict[str, Any]]
    metadata: NotRequired[dict[str, str]]
    webhook: NotRequired[dict[str, Any] | None]
    custom_id: str


class Batch(TypedDict):
    """Jobs that were queued together."""

    id: str
    request_counts: dict[str, int]
    ended: bool
    results_url: str
    errors_url: str
    metadata: dict[str, str]
    created_at: str


class FineClass(TypedDict):
    """A fine class."""

    id: int
    name: str
    coarse: dict[str, str]
    size: int
    mean_confidence: float
    stability: float | None
    medoids: list[str]
    also_in: dict[str, list[str]]
    not_told_from: list[int]


class Sample(TypedDict):
    """A sample with its fine class; further label sources and judged labels add columns."""

    id: str
    coarse: str | None
    fine: int
    confidence: float
    margin: float
    runner_up: int | None
    fine_unmasked: int


class Discovered(TypedDict):
    """A finished discovery."""

    job: Job
    classes: list[FineClass]
    assignments: list[Sample]
    graph: dict[str, Any]


class Relation(TypedDict):
    """The relation of one label source."""

    source: str
    coarse_names: list[str]
    relation: list[list[int]]
    regret: list[list[float | None]]
    status: str
    certificate: dict[str, Any] | None


class Check(TypedDict):
    """One thing that was checked in a result."""

    name: str
    ok: bool
    text: str


class Verification(TypedDict):
    """Whether a result is what it says."""

    ok: bool
    checks: list[Check]


class Prediction(TypedDict):
    """The fine class of a new sample."""

    fine: int
    confidence: float
    coarse: str
    coarse_confidence: float
    abstained: bool
    label_unknown: bool
    distance: float | None


class Note(TypedDict):
    """One thing to know, with a stable code."""

    code: str
    text: str


class Predictions(TypedDict):
    """Fine classes in the order of the vectors."""

    predictions: list[Prediction]
    notes: list[Note]


class Capabilities(TypedDict):
    """What this service can do."""

    version: str
    formats: list[str]
    dataset_options: list[str]
    encoders: list[str]
    devices: list[str]
    engine: str
    limits: dict[str, int | float]
