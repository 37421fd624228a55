"""The documents that the service answers with, as types of plain dicts.

They say what `/v1/openapi.json` says (a test holds them together); times are RFC 3339 texts.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

State = Literal[
    "queued", "preparing", "running", "canceling", "succeeded", "failed", "canceled", "expired"
]
JobKind = Literal["discovery", "classifier", "advice"]
Rule = Literal[
    "bottom_up", "top_down", "ensemble", "diffusion", "majority", "plurality", "threshold"
]
Word = Literal["helps", "does not", "cannot tell"]
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
    """One stage of a job."""

    name: str
    seconds: float
    peak_rss_bytes: int


class DiscoverySummary(TypedDict):
    """What came of a discovery, in short."""

    n_samples: int
    n_fine: int
    n_fine_origin: Origin | None
    n_fine_interval: list[int] | None
    n_fine_runner_up: int | None
    seconds: float
    stages: list[Stage]


class ClassifierSummary(TypedDict):
    """What came of a classifier, in short; figures are of the held-out part."""

    n_samples: int
    n_unlabelled: int
    n_leaves: int
    n_levels: int
    leaf_top1: float | None
    hierarchical_f: float | None
    seconds: float
    stages: list[Stage]


class AdviceSummary(TypedDict):
    """What came of advice, in short."""

    n_samples: int
    verdict: Word
    gain: float
    rows_needed: int | None
    labels: str
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
    """A discovery, a classifier or advice that somebody asked for."""

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
    summary: DiscoverySummary | ClassifierSummary | AdviceSummary | None
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
    kind: NotRequired[JobKind]
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


class Card(TypedDict):
    """The model card of a classifier."""

    trained_on: dict[str, Any]
    tree: dict[str, Any]
    training: dict[str, Any]
    versions: dict[str, str]
    metrics: dict[str, Any]
    data_set: dict[str, Any]


class Difference(TypedDict):
    """A change of accuracy with its 95 % interval, in [-1, 1]."""

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

    path: list[str]
    depth: int
    probability: float


class Classified(TypedDict):
    """Classes in the order of the vectors, and what to know before trusting them."""

    predictions: list[Classification]
    notes: list[Note]


class Measured(TypedDict):
    """Hierarchical figures by name."""

    figures: dict[str, float | None]


class Capabilities(TypedDict):
    """What a service can do."""

    version: str
    formats: list[str]
    dataset_options: list[str]
    encoders: list[str]
    devices: list[str]
    engine: str
    limits: dict[str, int | float]
