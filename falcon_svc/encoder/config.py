"""Settings of the feature step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder_names import TEXT, in_words

Value = Annotated[float, Field(allow_inf_nan=False)]
Channels = tuple[Value] | tuple[Value, Value, Value]


class EncoderConfig(BaseModel):
    """Which encoder turns samples into vectors, and how it sees them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        "auto",
        description=f"Encoder: {in_words()}.",
    )
    allow_download: bool = Field(
        False,
        description="Whether timm and torchvision may fetch weights where no FILE is given, and "
        "text:NAME a model from the Hugging Face hub.",
    )
    pixel_side: int | None = Field(
        None,
        ge=2,
        le=512,
        description="Side of the images for pixels, px; None = 32, or a smaller first image's.",
    )
    pixel_dim: int = Field(64, ge=2, le=4096, description="Principal components of pixels.")
    side: int | None = Field(
        None, ge=1, le=2048, description="Input side of a network, px; None = the model's, or 192."
    )
    mean: Channels = Field(
        (127.0,),
        description="What is subtracted from the pixels 0-255: one number, or one per channel.",
    )
    scale: Channels = Field(
        (1 / 128,),
        description="Factor on the pixels after `mean` was subtracted: one number, or one per "
        "channel.",
    )
    layout: Literal["auto", "NCHW", "NHWC"] = Field(
        "auto", description="Order of the network's input; auto = where the model has 3 channels."
    )
    batch: int = Field(64, ge=1, le=4096, description="Images per batch.")
    max_tokens: int | None = Field(
        None,
        ge=8,
        le=8192,
        description="Tokens of a text that are read, at most the model's own limit; None = that, "
        "256 for text.",
    )
    threads: int = Field(0, ge=0, description="Threads of onnxruntime; 0 = its own choice.")
    moco: MocoConfig = Field(default_factory=MocoConfig)

    @property
    def takes_texts(self) -> bool:
        """Whether samples are texts to it, also where a table has features beside them."""
        return self.name.partition(":")[0] == TEXT
