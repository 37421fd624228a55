"""The documents that the service answers with, as types of plain dicts.

They say what `/v1/openapi.json` says (a test holds them together); times are RFC 3339 texts.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

State = Literal[
    "queued", "preparing", "running", "canceling", "succeeded", "failed", "canceled", "expired"
]
Kind = Literal["medoid", "border", "suspect"]
Origin = Literal["given", "allocated", "estimated"]
GraphFormat = Literal["json", "graphml", "cytoscape"]


class Failure(TypedDict):
    """What ended a job, or makes a data set invalid."""

    code: str
    detail: str
    cause: str | None
    errors: list[dict[str, Any]]


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


class DatasetSummary(TypedDict):
    """What is in a data set; `classes` are label source -> coarse class -> samples."""

    n_samples: int
    n_dims: int | None
    kind: str
    classes: dict[str, dict[str, int]]


class Upload(TypedDict):
    """A file on its way in parts."""

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
    seconds: float
    stages: list[Stage]


class Count(TypedDict):
    """How many fine classes a coarse class holds."""

    coarse: str
    n_fine: int
    low: int
    high: int
    origin: Origin


class Job(TypedDict):
    """A discovery that somebody asked for."""

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


class Event(TypedDict):
    """A change of a job: what of it is other than before."""

    seq: int
    kind: Literal["state", "progress"]
    at: str
    state: NotRequired[State]
    attempt: NotRequired[int]
    stage: NotRequired[str | None]
    done: NotRequired[int]
    total: NotRequired[int]
    eta_s: NotRequired[float | None]
    error: NotRequired[dict[str, Any] | None]


class Order(TypedDict):
    """A job of a batch that is to be queued."""

    custom_id: str
    dataset_id: str
    config: NotRequired[dict[str, Any]]
    metadata: NotRequired[dict[str, str]]
    webhook: NotRequired[dict[str, str] | None]


class Batch(TypedDict):
    """Jobs that were queued together."""

    id: str
    request_counts: dict[str, int]
    ended: bool
    results_url: str
    errors_url: str
    metadata: dict[str, str]
    created_at: str


class Outcome(TypedDict):
    """What became of a job of a batch: summary and links, or an error."""

    custom_id: str
    job_id: str
    state: State
    summary: NotRequired[dict[str, Any]]
    links: NotRequired[dict[str, str]]
    error: NotRequired[dict[str, Any] | None]


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
    """A sample with its fine class; further label sources and judged labels add keys."""

    id: str
    coarse: str | None
    fine: int
    fine_name: str | None
    confidence: float
    margin: float
    runner_up: int | None
    fine_unmasked: int


class Discovered(TypedDict):
    """A finished discovery in one document."""

    job: Job
    classes: list[FineClass]
    assignments: list[Sample]
    graph: dict[str, Any]


class Relation(TypedDict):
    """The relation of one label source: matrices are (F, C)."""

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

    id: str | None
    fine: int
    fine_name: str | None
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
    """Fine classes in the order of the samples, and what to know before trusting them."""

    predictions: list[Prediction]
    notes: list[Note]


class Capabilities(TypedDict):
    """What a service can do."""

    version: str
    formats: list[str]
    dataset_options: list[str]
    encoders: list[str]
    devices: list[str]
    engine: str
    limits: dict[str, int | float]
