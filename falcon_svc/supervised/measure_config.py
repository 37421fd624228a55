"""Settings of jobs that measure predictions: what is compared with the labels of a data set."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, field_validator, model_validator

from falcon_svc.data.config import ReadingOptions
from falcon_svc.supervised.config import RuleName

MOST_NAMES = 100_000
"""Names in the paths of a tree: a job's settings are stored, and sent back with it."""
TreePath = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=1000)]


class MetricsConfig(BaseModel):
    """What is measured: a classifier on the data set, predicted paths, or probabilities."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: ReadingOptions = Field(
        default_factory=ReadingOptions, description="How the data set is read."
    )
    levels: tuple[str, ...] = Field(
        (),
        max_length=100,
        description="Columns of the labels, top level first; empty = the coarse and the fine "
        "column, of a data set of labels alone all but the ids.",
    )
    classifier: str | None = Field(
        None,
        max_length=60,
        description="Id of a classifier, which is applied to the samples of the data set.",
        examples=["job_01k8xgm1c2d3e4f5g6h7j8k9m0"],
    )
    inference: RuleName | None = Field(
        None,
        description="How the classifier chooses a class, which is then measured; null = its "
        "probabilities are measured.",
    )
    threshold: StrictFloat | None = Field(
        None, ge=0, le=1, description="Least probability of a class, for the inference threshold."
    )
    predictions: str | None = Field(
        None,
        max_length=60,
        description="Id of a data set of labels alone: the predicted paths. Null without a "
        "classifier = the vectors of the data set are probabilities of all nodes or leaves.",
        examples=["ds_01k8xgkq2v9f3m4n5p6r7s8t9v"],
    )
    tree: list[TreePath] | None = Field(
        None,
        min_length=1,
        description="The path of every class, top first, at most 100,000 names in all; null with "
        "a classifier, which has its own.",
        examples=[[["bird", "jay"], ["bird", "wren"], ["fish"]]],
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.classifier is not None and self.predictions is not None:
            raise ValueError("expected one of classifier and predictions, found both")
        if (self.tree is None) != (self.classifier is not None):
            raise ValueError("expected a tree without a classifier, and none with one")
        if self.classifier is None and self.inference is not None:
            raise ValueError("expected an inference together with a classifier")
        if (self.threshold is not None) != (self.inference == "threshold"):
            raise ValueError("expected a threshold together with the inference threshold")
        return self

    @field_validator("tree")
    @classmethod
    def _check_tree(cls, tree: list[TreePath] | None) -> list[TreePath] | None:
        number = sum(map(len, tree or ()))
        if number > MOST_NAMES:
            raise ValueError(f"expected at most {MOST_NAMES:,} names, found {number:,}")
        return tree
