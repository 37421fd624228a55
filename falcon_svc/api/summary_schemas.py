"""What came of a job in short, by its kind: a part of the job's document."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Stage(BaseModel):
    """One stage of a job."""

    name: str
    seconds: float
    peak_rss_bytes: int = Field(description="Most memory that the process had had until its end.")


class Summary(BaseModel):
    """What came of a job of any kind, in short."""

    n_samples: int
    seconds: float = Field(description="Seconds of all stages together.")
    stages: list[Stage] = Field(
        default_factory=list, description="Seconds and memory of each stage, in their order."
    )


class DiscoverySummary(Summary):
    """What came of a discovery, in short."""

    n_fine: int = Field(description="F, the number of fine classes.")
    n_fine_origin: Literal["given", "allocated", "estimated"] | None = Field(
        None,
        description="Whether every coarse class's count was given, a total was shared out, or some "
        "were estimated; null for jobs of earlier releases. `/counts` has each.",
    )
    n_fine_interval: list[int] | None = Field(
        None, description="90 % interval of n_fine; twice the same number where it was given."
    )
    n_fine_runner_up: int | None = Field(
        None, description="Next most probable number that differs by more than 20 %, if any."
    )


class ClassifierSummary(Summary):
    """What came of a classifier, in short."""

    n_unlabelled: int = Field(description="Samples without a label, which train nothing.")
    n_leaves: int = Field(description="Finest classes.")
    n_levels: int
    leaf_top1: float | None = Field(
        description="Accuracy of the finest class on the held-out part; null without one."
    )
    hierarchical_f: float | None = Field(
        description="Overlap of predicted and true paths on the held-out part; null without one."
    )


class MetricsSummary(Summary):
    """What came of metrics, in short."""

    n_unlabelled: int = Field(description="Samples without a label, which are not measured.")
    hierarchical_f: float | None = Field(description="Overlap of predicted and true paths.")
    full_path_accuracy: float | None = Field(description="Share of exactly right paths.")


class AdviceSummary(Summary):
    """What came of advice, in short."""

    verdict: Literal["helps", "does not", "cannot tell"]
    gain: float = Field(description="Change of coarse accuracy by finer labels, in [-1, 1].")
    rows_needed: int | None = Field(
        description="Labelled rows at which it should be clear; null where it is, or will not be."
    )
    labels: str = Field(description="What the verdict rests on.")
