"""The section `labels` of the configuration: how far the coarse labels are to be believed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

Rate = Annotated[float, Field(ge=0, lt=0.5, strict=True)]


class LabelConfig(BaseModel):
    """Wrong coarse labels, and fine classes that lie in several coarse classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coarse_noise: Literal["none", "auto"] | Rate = Field(
        "none",
        description="Share of wrong coarse labels, 0 to < 0.5; auto = find it; none = all are "
        "believed. Labels that are more likely wrong than right are told, and teach nothing.",
    )
    several_parents: StrictBool = Field(
        False,
        description="Whether a fine class may hang on several coarse classes: pairs of classes "
        "that cannot be told apart become one; without it they are only listed.",
    )

    @property
    def judged(self) -> bool:
        """Whether labels are judged at all."""
        return self.coarse_noise != "none"

    @property
    def rate(self) -> float | None:
        """The share of wrong labels, None where it has to be found."""
        return None if isinstance(self.coarse_noise, str) else self.coarse_noise
