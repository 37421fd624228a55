"""Settings of the numbers of fine classes: `[counts]`.

Place: a section of the configuration; `bounds` makes ranges of it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from falcon_svc.types import Sizes

Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class CountConfig(BaseModel):
    """How many fine classes there are, as far as the user knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_fine: Count | None = Field(
        None, description="Number of fine classes in all, F; None = it is estimated."
    )
    n_fine_per_coarse: dict[str, Count | tuple[Count, Count]] = Field(
        default_factory=dict,
        description="Number of fine classes, or [least, most], by name of the coarse class.",
    )
    sizes: Sizes = Field(
        "auto",
        description="How many samples the fine classes have: about equally many, as in nature, or "
        "a few large and many small ones (a long tail); auto asks the data.",
    )
    least_samples: StrictInt = Field(
        1, ge=1, le=1_000_000, description="No fine class has fewer samples than this."
    )

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> CountConfig:
        for name, count in self.n_fine_per_coarse.items():
            if isinstance(count, tuple) and count[0] > count[1]:
                raise ValueError(f"range of {name!r} has least {count[0]} above most {count[1]}")
        return self
