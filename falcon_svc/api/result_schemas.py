"""The documents of results: what a job has found, and what its model says of new vectors."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.api.schemas import JobOut, Request
from falcon_svc.result.surety import Demand


class FineClass(BaseModel):
    """A fine class."""

    id: int
    name: str = Field(description="A readable working name, unlike every other class's.")
    coarse: dict[str, str] = Field(description="Coarse class of the fine class, by label source.")
    size: int
    mean_confidence: float
    stability: float | None
    medoids: list[str] = Field(description="Ids of the most typical samples of the class.")
    also_in: dict[str, list[str]] = Field(
        description="Further coarse classes that the class lies in, by label source."
    )
    not_told_from: list[int] = Field(
        description="Classes of other coarse classes that look the same: labels overlap here."
    )


class Sample(BaseModel):
    """A sample with its fine class; further label sources and judged labels add columns."""

    model_config = ConfigDict(extra="allow")

    id: str
    coarse: str | None
    fine: int
    fine_name: str | None = Field(description="Working name of the class; null in old results.")
    confidence: float
    margin: float
    runner_up: int | None
    fine_unmasked: int


class DiscoverOut(BaseModel):
    """A finished discovery."""

    job: JobOut
    classes: list[FineClass]
    assignments: list[Sample]
    graph: dict[str, Any] = Field(description="The coarse-fine graph as node-link JSON.")


class Count(BaseModel):
    """How many fine classes a coarse class holds (first label source)."""

    coarse: str
    n_fine: int = Field(description="Number of fine classes that was used.")
    low: int = Field(description="Low end of the 90 % interval; n_fine where it was given.")
    high: int = Field(description="High end of the 90 % interval; n_fine where it was given.")
    origin: Literal["given", "allocated", "estimated"] = Field(
        description="Whether the number was given for this class, is its share of a given "
        "total, or is estimated."
    )
    whole: float | None = Field(
        description="Probability of one fine class only; null where the counts were given."
    )
    verdict: Literal["", "no better than chance", "weak", "clear"] = Field(
        description="Whether the data speak for finer classes here; empty where counts were given."
    )


class RelationOut(BaseModel):
    """The relation of one label source."""

    source: str
    coarse_names: list[str]
    relation: list[list[int]] = Field(
        description="Matrix (F, C): 1 where the fine class hangs on the coarse one."
    )
    regret: list[list[float | None]] = Field(
        description="Matrix (F, C): what the optimum loses if the fine class hung on the "
        "coarse one; null = not allowed."
    )
    status: str
    certificate: dict[str, Any] | None


class CheckOut(BaseModel):
    """One thing that was checked in a result."""

    name: str = Field(description="Name of what was checked.")
    ok: bool = Field(description="Whether nothing is wrong with what was checked.")
    text: str = Field(description="What was found, in a sentence.")


class VerificationOut(BaseModel):
    """Whether a result is what it says."""

    ok: bool = Field(description="Whether nothing is wrong anywhere.")
    checks: list[CheckOut] = Field(
        description="Checks of the files, each relation's proof, the assignments and all numbers."
    )


Names = list[str | None]
LEAST = "Confidence below which `abstained` is true."
PRECISION = (
    "Wanted share of right classes among those with `abstained` false. How sure a class has to be "
    "for that is estimated on the job's own assignments; a note says it. Null = any share."
)


class Sure(Request):
    """How sure a prediction has to be."""

    least_confidence: float = Field(0.0, ge=0, le=1, description=LEAST)
    precision: float | None = Field(None, gt=0, lt=1, description=PRECISION)

    @property
    def demand(self) -> Demand:
        """The same, as a predictor takes it."""
        return Demand(self.least_confidence, self.precision)


class PredictIn(Sure):
    """Vectors to assign."""

    vectors: list[list[float]] = Field(min_length=1, max_length=10_000)
    columns: list[str] | None = Field(
        None,
        description="Names of the vectors' columns, in any order: features are taken by name, and "
        "counts of genes go through the model's recipe. Null where they are in the model's order.",
    )
    coarse: Names | dict[str, Names] | None = Field(
        None,
        description="Coarse names of the first label source, or label source -> coarse names; "
        "null where unknown. A name that the model does not know counts as null and is marked.",
    )


class PredictTextsIn(Sure):
    """Texts to assign, by the encoder that the job made vectors of its texts with."""

    texts: list[str] = Field(min_length=1, max_length=10_000)
    coarse: Names | dict[str, Names] | None = Field(
        None, description="Coarse names, or label source -> coarse names; null where unknown."
    )


class Prediction(BaseModel):
    """The fine class of a new sample."""

    id: str | None = Field(description="The sample's id in its file; null for vectors and texts.")
    fine: int
    fine_name: str | None = Field(description="Working name of the class; null in old results.")
    confidence: float
    coarse: str = Field(description="Coarse class that was given, else the most probable one.")
    coarse_confidence: float
    abstained: bool
    label_unknown: bool = Field(
        description="Whether a label was given that the model does not know."
    )
    distance: float | None = Field(
        description="Distance to the nearest fine class, as a multiple of that within which 99 % "
        "of its samples lie: above 2 it is unlike anything the model has seen. Null in models "
        "made before this was measured."
    )


class NoteOut(BaseModel):
    """One thing to know, with a stable code."""

    code: str
    text: str


class PredictOut(BaseModel):
    """Fine classes in the order of the samples."""

    predictions: list[Prediction]
    notes: list[NoteOut] = Field(description="What to know before trusting the predictions.")
