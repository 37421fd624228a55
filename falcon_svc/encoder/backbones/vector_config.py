"""Settings of training on vectors and single cells: `[encoder.moco.vectors]`.

Place: read by `vector_views` and by `moco_encoder` for data sets without images.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt

Share = Annotated[float, Field(ge=0, lt=1)]


class VectorConfig(BaseModel):
    """The network's width, and how far a random view may be from its vector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: StrictInt = Field(
        256, ge=2, le=65_536, description="Units of each of the four layers of the network."
    )
    mixing: Share = Field(0.2, description="Most that a vector is moved towards another.")
    noise: float = Field(
        0.4,
        ge=0,
        le=10,
        description="Deviation of Gaussian noise, in deviations of each component; not for counts.",
    )
    dropout: Share = Field(0.4, description="Share of components that are blanked; not for counts.")
    gene_dropout: Share = Field(
        0.7, description="Share of genes that are blanked; log-normalised counts only."
    )
    thinning: Share = Field(
        0.5, description="Most of a cell's molecules that are lost; log-normalised counts only."
    )

    def halved(self) -> Self:
        """Return half the strength."""
        names = ("mixing", "noise", "dropout", "gene_dropout", "thinning")
        return self.model_copy(update={name: getattr(self, name) / 2 for name in names})
