"""The documents that the service answers with, as types of plain dicts.

Written by `python -m tests.api.client_documents` from `/v1/openapi.json`, their one source:
change `falcon_svc/api/*schemas.py`, then run it. Times are RFC 3339 texts.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

State = Literal[
    "queued", "preparing", "running", "canceling", "succeeded", "failed", "canceled", "expired"
]
JobKind = Literal["discovery", "classifier", "advice", "metrics"]
Rule = Literal[
    "bottom_up", "top_down", "ensemble", "diffusion", "majority", "plurality", "threshold"
]
Word = Literal["helps", "does not", "cannot tell"]
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
    columns: list[str] | None


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
    """One stage of a job."""

    name: str
    seconds: float
    peak_rss_bytes: int


class DiscoverySummary(TypedDict):
    """What came of a discovery, in short."""

    n_samples: int
    seconds: float
    stages: list[Stage]
    n_fine: int
    n_fine_origin: Origin | None
    n_fine_interval: list[int] | None
    n_fine_runner_up: int | None


class ClassifierSummary(TypedDict):
    """What came of a classifier, in short."""

    n_samples: int
    seconds: float
    stages: list[Stage]
    n_unlabelled: int
    n_leaves: int
    n_levels: int
    leaf_top1: float | None
    hierarchical_f: float | None


class AdviceSummary(TypedDict):
    """What came of advice, in short."""

    n_samples: int
    seconds: float
    stages: list[Stage]
    verdict: Word
    gain: float
    rows_needed: int | None
    labels: str


class MetricsSummary(TypedDict):
    """What came of metrics, in short."""

    n_samples: int
    seconds: float
    stages: list[Stage]
    n_unlabelled: int
    hierarchical_f: float | None
    full_path_accuracy: float | None


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
    kind: JobKind
    state: State
    stage: str | None
    progress: Progress
    attempt: int
    config: dict[str, Any]
    metadata: dict[str, str]
    summary: DiscoverySummary | ClassifierSummary | AdviceSummary | MetricsSummary | None
    error: Failure | None
    created_at: str
    preparing_at: str | None
    running_at: str | None
    cancel_requested_at: str | None
    ended_at: str | None
    expires_at: str | None


class JobEvent(TypedDict):
    """A change of a job, as `data` of an event: the members that differ from before."""

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
    config: NotRequired[dict[str, Any] | dict[str, Any] | dict[str, Any] | dict[str, Any]]
    metadata: NotRequired[dict[str, str]]
    webhook: NotRequired[dict[str, Any] | None]
    kind: NotRequired[JobKind]
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
    fine_name: str | None
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
    """Fine classes in the order of the samples."""

    predictions: list[Prediction]
    notes: list[Note]


class Card(TypedDict):
    """The model card of a classifier; its parts may get further members."""

    trained_on: dict[str, Any]
    tree: dict[str, Any]
    training: dict[str, Any]
    versions: dict[str, str]
    metrics: dict[str, Any]
    data_set: dict[str, Any]


class Difference(TypedDict):
    """Coarse accuracy after finer training less that after coarse training, in [-1, 1]."""

    mean: float
    low: float
    high: float


class Verdict(TypedDict):
    """What finer labels would do."""

    word: Word
    difference: Difference
    rows_needed: int | None


class Comparison(TypedDict):
    """Coarse training beside finer training, at one size and capacity."""

    labels: str
    hidden: int
    share: float
    n_train: int
    coarse_accuracy: float
    fine_accuracy: float
    overall: Difference
    per_class: dict[str, Difference]


class Advice(TypedDict):
    """Whether finer labels would improve coarse accuracy, and where."""

    text: str
    labels: str
    hidden: int
    verdict: Verdict
    per_head: dict[str, Verdict]
    per_class: dict[str, Word]
    comparisons: list[Comparison]
    explanations: dict[str, float | None]
    n_left_out: int


class Classification(TypedDict):
    """The class of a new sample, as deep as the inference is sure."""

    id: str | None
    path: list[str]
    depth: int
    probability: float


class Classified(TypedDict):
    """Classes in the order of the samples."""

    predictions: list[Classification]
    notes: list[Note]


class Measured(TypedDict):
    """Hierarchical figures, by the names of docs/hierarchies.md."""

    figures: dict[str, float | None]


class JobMetrics(TypedDict):
    """What a job has measured."""

    figures: dict[str, float | None]
    n_samples: int
    n_unlabelled: int
    n_left_out: int


class Capabilities(TypedDict):
    """What this service can do."""

    version: str
    formats: list[str]
    dataset_options: list[str]
    encoders: list[str]
    devices: list[str]
    engine: str
    limits: dict[str, int | float]
