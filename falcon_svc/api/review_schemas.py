"""The documents of a review: its state, samples, questions, corrections, change log, re-solves."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from falcon_svc.api.schemas import Request

Export = Literal[
    "parquet", "csv", "jsonl", "label-studio", "coco", "image-folder", "hugging-face", "h5ad",
    "graphml", "cytoscape", "skos", "paths", "guideline-html", "guideline-md",
]  # fmt: skip
SOLVE_STATES = Literal["none", "running", "succeeded", "failed", "cancelled"]


class CoarseState(BaseModel):
    """A coarse class."""

    name: str
    number: int
    size: int


class ClassState(BaseModel):
    """A class of a review with its evidence."""

    id: str = Field(
        description="Id of the class, which never changes and is never given to another class."
    )
    number: int = Field(description="Number of the class in the map.")
    name: str
    named: bool = Field(description="Whether a person named the class.")
    parents: list[int] = Field(description="Numbers of the coarse classes that the class lies in.")
    status: Literal["open", "accepted", "rejected"]
    colour: int
    size: int
    n_settled: int = Field(description="Number of samples of the class that a person placed.")
    confidence: float
    stability: float | None
    verdict: Literal["repeatable", "fair", "shaky", "artefact", "unknown"]
    rival: str | None = Field(description="Id of the other class that the samples come nearest to.")
    rival_mass: float = Field(description="Mean probability that the samples give to the rival.")
    born_of: list[str]


class ReviewState(BaseModel):
    """All of a review at its head."""

    head: str = Field(
        description="Newest revision, which is the `If-Match` of the next correction."
    )
    n_samples: int
    n_unplaced: int = Field(description="Number of samples in no class until the next re-solve.")
    n_revisions: int
    coarse: list[CoarseState]
    classes: list[ClassState]


class ReviewSample(BaseModel):
    """A sample with what is shown of it."""

    row: int
    id: str
    class_id: str | None
    coarse: str | None
    confidence: float
    runner_up: str | None
    rival: float = Field(description="Probability of `runner_up`.")
    settled: bool
    text: str | None
    picture: bool = Field(description="Whether there is an image of the sample.")
    values: list[float] = Field(
        description="Values of the columns in `marks` of the class's evidence."
    )


class ReviewSamples(BaseModel):
    """A part of the samples of a class."""

    total: int
    class_id: str
    samples: list[ReviewSample]


class ShownSamples(BaseModel):
    """Samples by id."""

    samples: list[ReviewSample]


class SampleIds(Request):
    """Which samples to show."""

    ids: list[str] = Field(max_length=500)
    class_id: str | None = Field(
        None, pattern=r"^c\d{1,9}$", description="Class whose columns `values` are of; null = none."
    )


class Selected(BaseModel):
    """A selection of samples."""

    count: int
    rows: str = Field(description="Bitmask over all samples, lowest bit first, base64.")


class Lasso(Request):
    """A polygon on the map."""

    polygon: list[list[float]] = Field(
        description="Corners [x, y] of the polygon on the map, in order."
    )
    coarse: str | None = Field(
        None, description="Coarse class whose map the polygon lies on; null = the map of all."
    )
    class_id: str | None = Field(
        None,
        pattern=r"^c\d{1,9}$",
        description="Class whose samples alone are taken; null = all classes.",
    )


class Mark(BaseModel):
    """A column of the features that sets a class apart from its siblings."""

    column: int
    name: str | None
    effect: float = Field(description="Cohen's d between the class and its siblings.")
    mean: float
    spread: float


class LiftOut(BaseModel):
    """A value of a column that is no feature, which a class has more often than beside it."""

    column: str = Field(description="Name of the column, or of a further label source.")
    value: str
    n: int = Field(description="Samples of the class with the value.")
    n_beside: int = Field(description="Samples of its coarse classes with the value.")
    share: float = Field(description="Share of the class's samples with the value.")
    lift: float = Field(description="The share over that of the value in its coarse classes.")


class LabelCount(BaseModel):
    """A label and how many samples of a class have it."""

    name: str
    count: int


class SourceEvidenceOut(BaseModel):
    """A class in a label source after the first."""

    source: str
    parents: list[str]
    words: str = Field(description="What speaks for the place of the class there, in words.")
    labels: list[LabelCount] = Field(description="Labels of its samples, most frequent first.")
    n_unlabelled: int


class ClassEvidence(BaseModel):
    """What speaks for a class, beyond its state."""

    class_id: str
    marks: list[Mark]
    words: list[str] = Field(description="Words that mark the class among its siblings.")
    parents: str = Field(description="What speaks for the place of the class, in words.")
    values: list[LiftOut] = Field(
        description="Values of columns that are no features, by lift; no chance finds."
    )
    sources: list[SourceEvidenceOut] = Field(description="The label sources after the first.")
    n_suspects: int
    lookalikes: list[str] = Field(description="Classes of other coarse classes that look alike.")


class CorrectionsIn(Request):
    """Corrections, made together or not at all."""

    corrections: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    reason: str = Field("", max_length=2_000)


class ImportIn(Request):
    """A file that a review was exported to and corrected in elsewhere."""

    format: Literal["label-studio", "csv"]
    content: str = Field(max_length=32 * 2**20, description="The file's text.")
    dry_run: bool = Field(False, description="Whether to say only what the file would change.")
    reason: str = Field("", max_length=2_000)


class FailedRow(BaseModel):
    """A row that could not be taken."""

    row: int = Field(description="Place of the row in the file, from 1.")
    id: str | None
    reason: str


class Imported(BaseModel):
    """What a file has changed."""

    head: str
    revisions: list[str]
    text: str = Field(description="The report in a sentence.")
    n_rows: int
    n_same: int = Field(description="Rows that say what the review says already.")
    n_failed: int
    failed: list[FailedRow] = Field(description="The first 100 rows that could not be taken.")


class AnswerIn(Request):
    """A reply to a question."""

    question: dict[str, Any] = Field(description="The question as it came.")
    reply: dict[str, Any] = Field(
        description="The reply: `choice` and, where the question asks, `marked`."
    )


class Corrected(BaseModel):
    """What corrections have made."""

    head: str
    revisions: list[str]


class QuestionsOut(BaseModel):
    """The questions that are worth most now."""

    total: int
    questions: list[dict[str, Any]]
    fresh: bool = Field(
        description="Whether they were ranked at the head; else they are those of before that no "
        "correction since is about (none at first), and the new ranking is being made: ask again."
    )


class PlanOut(BaseModel):
    """A plan for accepting a class by a sample."""

    n_samples: int
    n_look: int
    most_wrong: int
    purity: float
    confidence: float


class Acceptance(BaseModel):
    """The plan with its question."""

    plan: PlanOut
    question: dict[str, Any]


class SplitIn(Request):
    """How many classes a split makes."""

    k: int | None = Field(
        None, ge=2, le=64, description="Number of parts; null = as many as are clear."
    )


class SplitOut(BaseModel):
    """A split that was not made yet."""

    correction: dict[str, Any] = Field(
        description="Correction that makes the split when it is sent."
    )
    sizes: list[int] = Field(description="Numbers of samples: of what stays, then of each part.")
    shown: list[list[ReviewSample]] = Field(description="Samples of each part.")


class LogEntryOut(BaseModel):
    """A revision in words."""

    revision: str
    author: str
    time: str
    reason: str
    text: str
    in_force: bool


class ChangeLog(BaseModel):
    """A part of the change log, newest first."""

    total: int
    entries: list[LogEntryOut]


class ResolveIn(Request):
    """Seed and reason of a re-solve."""

    reason: str = Field("", max_length=2_000)
    seed: int = Field(0, ge=0, le=2**31 - 1)


class ClassChangeOut(BaseModel):
    """A class that is not as it was."""

    id: str
    name: str
    what: Literal["born", "changed", "died"]
    size_before: int
    size_after: int
    parents_before: list[str]
    parents_after: list[str]


class SampleMoveOut(BaseModel):
    """A sample that is in another class, and why."""

    id: str
    before: str | None
    after: str | None
    reason: str


class DiffOut(BaseModel):
    """What changed between two revisions."""

    n_moved: int
    classes: list[ClassChangeOut]
    moves: list[SampleMoveOut] = Field(description="The first 100 samples that moved.")


class ResolveError(BaseModel):
    """Why a re-solve has no answer."""

    code: str
    detail: str
    wishes: list[str] = Field(description="Corrections that cannot hold together, in words.")


class ResolveState(BaseModel):
    """The last re-solve and how far it is."""

    state: SOLVE_STATES
    stage: str
    done: int
    total: int
    revision: str | None
    diff: DiffOut | None
    error: ResolveError | None
