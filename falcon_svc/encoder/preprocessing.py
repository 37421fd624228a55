"""How a network sees a sample: an image's size, crop, channels, mean and deviation; or a vector.

Place: made by `pretrained` from the model's own settings, by training from the data; kept in
`encoder.json`, so that new samples are seen as the first ones were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from falcon_svc.errors import InputError
from falcon_svc.types import ByteArray, CoarseDataset, FloatArray, Images, Resample

if TYPE_CHECKING:
    from torch import Tensor

Values = tuple[Annotated[float, Field(allow_inf_nan=False)], ...]


class Preprocessing(BaseModel):
    """Resize the central square to `resized` pixels, cut out its centre, normalise.

    Parameters
    ----------
    side
        S, the side of the network's input, px.
    channels
        1 (grey: the first channel) or 3 (RGB).
    mean, std
        One number per channel, for pixels in [0, 1].
    resized
        Side before the centre is cut out, px; at least `side`.
    resample
        How images are resized.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: int = Field(ge=1, le=2048)
    channels: Literal[1, 3]
    mean: Values
    std: Values
    resized: int = Field(ge=1, le=4096)
    resample: Resample = "bilinear"

    @model_validator(mode="after")
    def _fits_together(self) -> Preprocessing:
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"mean and std need {self.channels} numbers")
        if self.resized < self.side or min(self.std) <= 0:
            raise ValueError("resized below side, or a deviation that is not positive")
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, S, S)."""
        return self.channels, self.side, self.side

    def samples(self, dataset: CoarseDataset, start: int, stop: int) -> ByteArray:
        """Return images (B, C, S, S) uint8 of a data set.

        Raises
        ------
        InputError
            It holds vectors.
        """
        if dataset.images is None:
            raise _other_kind("images", "vectors")
        return self.read(dataset.images, start, stop)

    def read(self, images: Images, start: int, stop: int) -> ByteArray:
        """Return (B, C, S, S) uint8, contiguous."""
        pixels = images.read(start, stop, side=self.resized, resample=self.resample)
        edge = round((self.resized - self.side) / 2)
        inside = slice(edge, edge + self.side)
        return np.ascontiguousarray(
            pixels[:, inside, inside, : self.channels].transpose(0, 3, 1, 2)
        )

    def normalise(self, pixels: Tensor) -> Tensor:
        """Return (B, C, S, S) float32 for uint8 of the same shape."""
        scaled = pixels.float().div(255)
        mean, std = (scaled.new_tensor(v).view(-1, 1, 1) for v in (self.mean, self.std))
        return (scaled - mean) / std


class VectorInput(BaseModel):
    """Vectors of `n_dims` components, D, as they are: the network standardises them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_dims: int = Field(ge=1)

    @property
    def shape(self) -> tuple[int, ...]:
        """(D,)."""
        return (self.n_dims,)

    def samples(self, dataset: CoarseDataset, start: int, stop: int) -> FloatArray:
        """Return vectors (B, D) of a data set.

        Raises
        ------
        InputError
            It holds images, or vectors of other dimensions.
        """
        if dataset.vectors is None:
            raise _other_kind(f"vectors of {self.n_dims:,} numbers", "images")
        if (found := dataset.vectors.shape[1]) != self.n_dims:
            raise _other_kind(f"vectors of {self.n_dims:,} numbers", f"{found:,}")
        return dataset.vectors[start:stop]

    def normalise(self, vectors: Tensor) -> Tensor:
        """Return the vectors."""
        return vectors


Seen = Preprocessing | VectorInput
SEEN: TypeAdapter[Seen] = TypeAdapter(Seen)
"""Reads either kind from JSON."""


def _other_kind(expected: str, found: str) -> InputError:
    return InputError(
        f"Expected {expected}, as the encoder was trained on, found {found}; give samples of the "
        "same kind.",
        code="bad_shape",
    )
