"""Settings of self-supervised pre-training: `[encoder.moco]`.

Place: a section of `EncoderConfig`. Sources: "v3" is MoCo v3 (Chen, Xie & He, ICCV 2021) and its
recipe for small images in solo-learn; the defaults are shorter, for two CPU cores.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from falcon_svc.encoder.backbones.vector_config import VectorConfig
from falcon_svc.encoder.views.config import ViewConfig

NetworkName = Literal["conv", "resnet18", "resnet50", "vit_small"]
REFERENCE_BATCH = 256


class MocoConfig(BaseModel):
    """How a network is trained on unlabelled views of the samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkName = Field(
        "conv", description="Network: conv (small, for CPUs), resnet18 (v3), resnet50 or vit_small."
    )
    epochs: StrictInt = Field(
        60,
        ge=0,
        le=100_000,
        description="Passes over the data; 0 = take the encoder that is continued as it is. v3: "
        "1000.",
    )
    batch_size: StrictInt = Field(
        256, ge=2, le=65_536, description="Samples per forward pass, over all processes. v3: 256."
    )
    accumulate: StrictInt = Field(
        1,
        ge=1,
        le=1_024,
        description="Batches whose gradients make one step; each batch has its own negatives.",
    )
    optimizer: Literal["sgd", "adamw", "lars"] = Field(
        "adamw", description="Optimizer: adamw, sgd with momentum 0.9, or lars (v3)."
    )
    learning_rate: StrictFloat = Field(
        2e-3,
        gt=0,
        le=100,
        description="Highest learning rate for 256 samples per step; scaled in proportion.",
    )
    weight_decay: StrictFloat = Field(
        1e-4, ge=0, le=10, description="Weight decay, which spares biases and norms. v3: 1e-6."
    )
    warmup_epochs: StrictInt = Field(
        2, ge=0, description="Epochs in which the learning rate rises, at most half of all. v3: 10."
    )
    momentum: StrictFloat = Field(
        0.99,
        ge=0,
        lt=1,
        description="Momentum of the second network at first; a cosine to 1. v3: 0.99.",
    )
    temperature: StrictFloat = Field(
        0.1, gt=0, le=10, description="Temperature of the loss. v3: 0.2."
    )
    queue: StrictInt = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Keys of earlier batches that are kept as negatives (v2), at most half as many "
        "as samples; for batches of 128 or fewer.",
    )
    coarse_weight: StrictFloat = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the target given to similar samples of the same coarse class "
        "(MaskCon); 0 = coarse labels are not used.",
    )
    coarse_temperature: StrictFloat = Field(
        0.05,
        gt=0,
        le=10,
        description="Temperature of the similarities of `coarse_targets`; smaller = fewer samples.",
    )
    projector_width: StrictInt = Field(
        512, ge=2, le=65_536, description="Hidden units of the projector. v3: 4096."
    )
    predictor_width: StrictInt = Field(
        512, ge=2, le=65_536, description="Hidden units of the predictor. v3: 4096."
    )
    embedding_dim: StrictInt = Field(
        128, ge=2, le=65_536, description="Dimensions in which views are compared. v3: 256."
    )
    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto",
        description="Precision of the forward pass; auto = bf16 where the processor has it.",
    )
    processes: StrictInt = Field(
        1, ge=1, le=1_024, description="Processes on this machine that share every batch."
    )

    views: ViewConfig = Field(default_factory=ViewConfig)
    vectors: VectorConfig = Field(default_factory=VectorConfig)

    @property
    def peak_rate(self) -> float:
        """The highest learning rate, for the samples of a step."""
        return self.learning_rate * self.batch_size * self.accumulate / REFERENCE_BATCH

    @property
    def warmup(self) -> int:
        """Epochs of warm-up, also where there are few in all."""
        return min(self.warmup_epochs, self.epochs // 2)
