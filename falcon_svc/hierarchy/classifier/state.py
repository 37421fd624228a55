"""What a training carries from one epoch to the next, and its form at rest.

Place: under `falcon_svc.hierarchy.classifier.train`. From what `TrainState.save` returns
`TrainState.load` goes on as if nothing had happened, bit for bit: weights, moments, learning rate,
random numbers, adaptive weights of the loss.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from falcon_svc.checkpoint import (
    CheckpointStore,
    Saved,
    load_optimizer,
    optimizer_tensors,
    prefixed,
    under,
)
from falcon_svc.hierarchy.classifier.samples import Samples, update_with
from falcon_svc.hierarchy.losses.base import NodeLoss


@dataclass(frozen=True)
class Resumable:
    """Where a training keeps its checkpoints, and what it is.

    Parameters
    ----------
    checkpoints
        One training's; it goes on from the newest.
    settings
        JSON-ready; all that determines the training beside samples, labels and first weights.
    """

    checkpoints: CheckpointStore
    settings: Any

    def digest(self, student: nn.Module, samples: Samples, labels: Tensor) -> str:
        """Return the sha256 hex by which a training knows its own checkpoints."""
        found = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode())
        samples.update(found)
        for tensor in (labels, *student.state_dict().values()):
            update_with(found, tensor)
        return found.hexdigest()


@dataclass
class TrainState:
    """Everything that moves; `means` holds the mean loss of each epoch that is done."""

    student: nn.Module
    loss: NodeLoss
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LinearLR
    generator: torch.Generator
    means: list[float] = field(default_factory=list)

    def save(self) -> Saved:
        """Return a copy of the state; only meaningful at the boundary of an epoch."""
        tensors = {"generator": self.generator.get_state()}
        tensors |= prefixed("head", self.student.state_dict())
        tensors |= prefixed("loss", self.loss.state())
        tensors |= prefixed("optimizer", optimizer_tensors(self.optimizer))
        rates = [group["lr"] for group in self.optimizer.param_groups]
        numbers = {"means": self.means, "rates": rates, "schedule": self.scheduler.state_dict()}
        return Saved.copied(tensors, numbers)

    def load(self, saved: Saved) -> None:
        """Become the state that was saved."""
        tensors, numbers = saved.tensors, saved.numbers
        self.generator.set_state(tensors["generator"])
        self.student.load_state_dict(under("head", tensors))
        self.loss.restore(under("loss", tensors))
        load_optimizer(self.optimizer, under("optimizer", tensors))
        self.scheduler.load_state_dict(numbers["schedule"])
        for group, rate in zip(self.optimizer.param_groups, numbers["rates"], strict=True):
            group["lr"] = rate
        self.means = list(numbers["means"])
