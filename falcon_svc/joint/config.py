"""Settings of joint training: `[joint]`.

Place: a section of the configuration; what is not here, such as the losses' weights, is taken
from `[train]`, and the views from `[encoder.moco.views]`. "paper" is FALCON (ICML 2024), its
CIFAR-100 row. It loads nothing heavy: a service asks here which encoders can be trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.encoder.config import EncoderConfig

TRAINABLE = ("moco", "timm", "torchvision")
"""Encoders of images that are networks of torch."""


class EncoderTraining(BaseModel):
    """How an encoder is trained with the head on top of it, whatever the head learns from."""

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
    precision: Literal["bf16", "fp32"] = Field(
        "fp32", description="Precision of the encoder's forward pass."
    )


class JointConfig(EncoderTraining):
    """How a discovery trains encoder and head together."""

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


def check_trainable(encoder: EncoderConfig, kind: str | None) -> None:
    """Refuse to train what cannot be trained.

    Parameters
    ----------
    encoder, kind
        The settings, and what the samples are: vectors, images or texts; None = not known yet.

    Raises
    ------
    ConfigError
        The samples are no images, or the encoder that the settings name is no network of torch
        (code ``bad_encoder``).
    """
    named = encoder.name.partition(":")[0]
    if kind not in ("images", None) or named not in TRAINABLE:
        on = "" if kind is None else f" on {kind}"
        raise ConfigError(
            "Expected images and an encoder among moco, timm:NAME and torchvision:NAME where the "
            f"encoder is to be trained, found {encoder.name!r}{on}; leave --train-encoder "
            "(joint.train_encoder of a job) out, or choose one of these.",
            code="bad_encoder",
        )
