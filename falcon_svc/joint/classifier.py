"""Encoder, feature space and head as one module: from images to scores of classes.

Place: the student of joint training, of a discovery's head and of a hierarchical classifier; its
three parts are those of the frozen start, so that its first scores are the frozen head's.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from falcon_svc.discovery.training.feature_space import FeatureSpace


class SpaceLayer(nn.Module):
    """`FeatureSpace.apply` as a fixed layer: ``unit(z - mean) P``."""

    mean: Tensor
    projection: Tensor

    def __init__(self, space: FeatureSpace) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(space.mean.copy()))  # (D,)
        self.register_buffer("projection", torch.from_numpy(space.projection.copy()))  # (D, D')

    def forward(self, z: Tensor) -> Tensor:
        """Return (B, D') head inputs of (B, D) features."""
        return F.normalize(z - self.mean, dim=1) @ self.projection


class Classifier(nn.Module):
    """``head(space(encoder(x)))``.

    Parameters
    ----------
    encoder
        (B, ...) -> (B, D).
    space, head
        (B, D) -> (B, D') -> (B, F), as trained on the encoder's features.
    bf16
        Whether the encoder computes in bfloat16.
    """

    def __init__(
        self, encoder: nn.Module, space: nn.Module, head: nn.Module, *, bf16: bool = False
    ) -> None:
        super().__init__()
        self.encoder, self.space, self.head = encoder, space, head
        self._in_bf16 = bf16

    def inputs(self, x: Tensor) -> Tensor:
        """Return (B, D') head inputs of (B, ...) samples."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self._in_bf16):
            z = self.encoder(x)
        inputs: Tensor = self.space(z.float())
        return inputs

    def scores(self, inputs: Tensor, classes: Tensor | slice) -> Tensor:
        """Return the logits of some of the classes, of (B, D') head inputs."""
        head: Any = self.head
        logits: Tensor = head.scores(inputs, classes)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, F) logits of (B, ...) samples."""
        logits: Tensor = self.head(self.inputs(x))
        return logits
