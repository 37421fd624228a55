"""The documents of reviews that go on from an earlier one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from falcon_svc.api.schemas import Request


class ContinueIn(Request):
    """The earlier job whose review goes on here."""

    job_id: str = Field(
        description="Discovery in the same or earlier data, whose review goes on here."
    )
    keep_classes: bool = Field(
        False,
        description="Whether its classes stay as they are, so that new samples join them or are "
        "proposed as new classes; otherwise the classes are those of this job, by their names of "
        "before.",
    )
    reason: str = Field("", max_length=2_000)


class LineageOut(BaseModel):
    """What became of a class."""

    what: Literal["kept", "born", "split", "merged", "died"]
    id: str
    name: str
    others: list[str] = Field(description="Classes that the class came from or went to.")
    overlap: float = Field(
        description="Samples in the class before and now, over those in either, of the samples "
        "that both runs know; 0 unless kept."
    )
    n_before: int
    n_now: int


class DriftOut(BaseModel):
    """A class whose new samples lie farther out than its old ones."""

    class_id: str
    name: str
    n_new: int
    p_value: float
    shift: float = Field(
        description="Chance that a new sample lies farther out than an old one; 0.5 = no drift."
    )
    sentence: str


class AncestryOut(BaseModel):
    """How a review goes on from an earlier one."""

    earlier: str | None = Field(
        description="Revision of the earlier review; null = this one goes on from none."
    )
    n_known: int
    n_new: int
    text: str
    lineage: list[LineageOut]
    drift: list[DriftOut]
