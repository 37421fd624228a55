"""Settings of joint training: `[joint]`.

Place: a section of the configuration; what is not here, such as the losses' weights, is taken
from `[train]`, and the views from `[encoder.moco.views]`. "paper" is FALCON (ICML 2024), its
CIFAR-100 row.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from falcon_svc.discovery.training.config import TrainConfig


class JointConfig(BaseModel):
    """How encoder and head are trained together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_encoder: bool = Field(
        False, description="Whether the encoder is trained with the head, after the head alone."
    )
    epochs: StrictInt = Field(10, ge=1, le=10_000, description="Passes over the data. Paper: 100.")
    batch_size: StrictInt = Field(
        256, ge=2, le=65_536, description="Samples per step; batches are evened out. Paper: 256."
    )
    learning_rate: StrictFloat = Field(
        2e-3, gt=0, le=100, description="Learning rate of the head, at first. Paper: 0.1 with sgd."
    )
    encoder_rate: StrictFloat = Field(
        0.1, gt=0, le=1, description="Share of the learning rate that the encoder gets. Paper: 1."
    )
    fresh_neighbors: bool = Field(
        False,
        description="Whether sampled neighbors go through the teacher at every step (paper), six "
        "forward passes per sample for one, or its predictions are remembered for an epoch.",
    )
    refresh_every: StrictInt = Field(
        0,
        ge=0,
        description="Epochs between searches for neighbors by the teacher's features of clean "
        "views; 0 = never (paper).",
    )
    precision: Literal["bf16", "fp32"] = Field(
        "fp32", description="Precision of the encoder's forward pass."
    )

    def train(self, head: TrainConfig) -> TrainConfig:
        """Return the settings of the loop: those of the head alone, but for what stands here.

        Parameters
        ----------
        head
            Settings of the head alone.

        Returns
        -------
        TrainConfig
            With epochs, batch and learning rate of the joint training.
        """
        mine = {"epochs", "batch_size", "learning_rate", "fresh_neighbors"}
        return head.model_copy(update={name: getattr(self, name) for name in mine})
