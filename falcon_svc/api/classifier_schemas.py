"""The documents of classifiers: cards, advice, classes of new vectors, hierarchical figures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.api.result_schemas import NoteOut
from falcon_svc.api.schemas import Request
from falcon_svc.supervised.config import RuleName

Word = Literal["helps", "does not", "cannot tell"]
Figures = dict[str, float | None]
ClassPath = list[str]


class CardOut(BaseModel):
    """The model card of a classifier; its parts may get further members."""

    model_config = ConfigDict(extra="allow")

    trained_on: dict[str, Any] = Field(
        description="Rows, features, rows without label, rows by depth of their label, sha256."
    )
    tree: dict[str, Any] = Field(description="Nodes, leaves, height, leaves without rows.")
    training: dict[str, Any] = Field(description="Loss and settings.")
    versions: dict[str, str] = Field(description="Versions of the packages that trained it.")
    metrics: dict[str, Any] = Field(
        description="Training loss; with `held_out`, hierarchical figures on `held_out_rows` rows "
        "that a first training left out."
    )
    data_set: dict[str, Any] = Field(
        description="Name, digest, columns, rows left out, and the discovery whose classes it has; "
        "beside it, of images and texts, `encoder`: what made vectors of them."
    )


class DifferenceOut(BaseModel):
    """Coarse accuracy after finer training less that after coarse training, in [-1, 1]."""

    mean: float
    low: float = Field(description="Low end of the 95 % interval.")
    high: float = Field(description="High end of the 95 % interval.")


class VerdictOut(BaseModel):
    """What finer labels would do."""

    word: Word
    difference: DifferenceOut
    rows_needed: int | None = Field(
        description="Labelled rows at which it should be clear; null where it is, or will not be."
    )


class ComparisonOut(BaseModel):
    """Coarse training beside finer training, at one size and capacity."""

    labels: str = Field(description="Where the finer labels come from.")
    hidden: int = Field(description="Units of the hidden layer; 0 = a linear head.")
    share: float = Field(description="Part of each training fold that was used.")
    n_train: int
    coarse_accuracy: float
    fine_accuracy: float
    overall: DifferenceOut
    per_class: dict[str, DifferenceOut]


class AdviceOut(BaseModel):
    """Whether finer labels would improve coarse accuracy, and where."""

    text: str = Field(description="All of it in sentences.")
    labels: str = Field(description="What the verdict rests on.")
    hidden: int = Field(description="The head that it rests on.")
    verdict: VerdictOut
    per_head: dict[str, VerdictOut] = Field(description="Hidden units -> verdict.")
    per_class: dict[str, Word] = Field(description="Coarse class -> word.")
    comparisons: list[ComparisonOut]
    explanations: Figures = Field(
        description="Figures of the geometry; null where there is no telling."
    )
    n_left_out: int = Field(description="Rows without a coarse label.")


RULE = "How a class is chosen; null = as the job's settings say."
LEAST = "Least probability of a class, with the inference threshold."


class Chosen(Request):
    """How a class is chosen."""

    inference: RuleName | None = Field(None, description=RULE)
    threshold: float | None = Field(None, ge=0, le=1, description=LEAST)


class ClassifyIn(Chosen):
    """Vectors to classify."""

    vectors: list[list[float]] = Field(min_length=1, max_length=10_000)
    columns: list[str] | None = Field(
        None,
        description="Names of the vectors' columns, in any order: features are taken by name. Null "
        "where they are in the classifier's order.",
    )


class ClassifyTextsIn(Chosen):
    """Texts to classify, by the encoder that the job made vectors of its texts with."""

    texts: list[str] = Field(min_length=1, max_length=10_000)


class ClassOut(BaseModel):
    """The class of a new sample, as deep as the inference is sure."""

    id: str | None = Field(description="The sample's id in its file; null for vectors and texts.")
    path: ClassPath = Field(description="Names from the top; empty = not sure of anything.")
    depth: int
    probability: float


class ClassifyOut(BaseModel):
    """Classes in the order of the samples."""

    predictions: list[ClassOut]
    notes: list[NoteOut] = Field(description="What to know before trusting the predictions.")


class MetricsIn(Request):
    """Labels beside predictions, or beside the probabilities of all nodes."""

    tree: list[ClassPath] = Field(
        min_length=1, max_length=100_000, description="The path of every class, top first."
    )
    truth: list[ClassPath] = Field(
        min_length=1, max_length=100_000, description="The true path of each sample."
    )
    predictions: list[ClassPath] | None = Field(
        None, max_length=100_000, description="The predicted path of each sample."
    )
    scores: list[list[float]] | None = Field(
        None,
        max_length=100_000,
        description="Probabilities of all nodes (the root first, then by depth, as they first come "
        "in `tree`), or of all leaves, for each sample.",
    )


class JobMetricsOut(BaseModel):
    """What a job has measured."""

    figures: Figures = Field(
        description="By the names of docs/hierarchies.md; null where a figure has no meaning."
    )
    n_samples: int = Field(description="Samples that were measured.")
    n_unlabelled: int = Field(description="Samples without a label, which were not.")
    n_left_out: int = Field(description="Predictions of samples without a label.")


class MetricsOut(BaseModel):
    """Hierarchical figures, by the names of docs/hierarchies.md."""

    figures: Figures = Field(description="Null where a figure has no meaning for these samples.")
