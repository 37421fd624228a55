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

from falcon_svc.checkpoint import CheckpointStore, Saved, prefixed, under
from falcon_svc.core import Optimizer
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
        found = hashlib.sha256(f"training/2 {json.dumps(self.settings, sort_keys=True)}".encode())
        samples.update(found)
        for tensor in (labels, *student.state_dict().values()):
            update_with(found, tensor)
        return found.hexdigest()


@dataclass
class TrainState:
    """Everything that moves.

    `steps_left` are those to the end, over which learning rates fall on a line to 0; `means` holds
    the mean loss of each epoch that is done.
    """

    student: nn.Module
    loss: NodeLoss
    optimizer: Optimizer
    generator: torch.Generator
    steps_left: int
    means: list[float] = field(default_factory=list)

    def step(self) -> None:
        """Move the weights by their gradients, next time by less."""
        self.optimizer.step()
        for group in self.optimizer.param_groups:
            group["lr"] *= 1 - 1 / self.steps_left
        self.steps_left -= 1

    def save(self) -> Saved:
        """Return a copy of the state; only meaningful at the boundary of an epoch."""
        tensors = {"generator": self.generator.get_state()}
        tensors |= prefixed("head", self.student.state_dict())
        tensors |= prefixed("loss", self.loss.state())
        tensors |= prefixed("optimizer", self.optimizer.tensors())
        rates = [group["lr"] for group in self.optimizer.param_groups]
        numbers = {"means": self.means, "rates": rates, "steps_left": self.steps_left}
        return Saved.copied(tensors, numbers)

    def load(self, saved: Saved) -> None:
        """Become the state that was saved."""
        tensors, numbers = saved.tensors, saved.numbers
        self.generator.set_state(tensors["generator"])
        self.student.load_state_dict(under("head", tensors))
        self.loss.restore(under("loss", tensors))
        self.optimizer.load(under("optimizer", tensors))
        self.steps_left = numbers["steps_left"]
        for group, rate in zip(self.optimizer.param_groups, numbers["rates"], strict=True):
            group["lr"] = rate
        self.means = list(numbers["means"])
