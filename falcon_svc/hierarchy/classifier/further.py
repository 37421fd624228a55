"""Training a fitted classifier on, together with the network that makes its vectors.

Place: between `HierarchicalClassifier`, which knows vectors only, and who has such a network
(`falcon_svc.supervised.joint`). The network may lie on any device; head and loss, which are small,
stay on the CPU, where the losses' trees are.

Shapes: B batch, D numbers of a vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.hierarchy.classifier import record
from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier
from falcon_svc.hierarchy.classifier.samples import Samples
from falcon_svc.hierarchy.classifier.state import Resumable
from falcon_svc.hierarchy.classifier.train import Training, train
from falcon_svc.progress import Progress
from falcon_svc.types import IntArray


class Scaled(nn.Module):
    """A classifier's own shift and scale of vectors as a layer, which brings them to the CPU."""

    mean: Tensor

    def __init__(self, model: HierarchicalClassifier) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(model.mean_).float())  # (D,)
        self._scale = model.scale_

    def forward(self, z: Tensor) -> Tensor:
        """Return (B, D) inputs of the head, of (B, D) vectors on any device."""
        return (z.to(self.mean) - self.mean) / self._scale


def train_further(
    model: HierarchicalClassifier,
    student_of: Callable[[nn.Module, nn.Module], nn.Module],
    samples: Samples,
    nodes: IntArray,
    training: Training,
    *,
    seed: int,
    settings: dict[str, Any],
    checkpoints: CheckpointStore | None = None,
    progress: Progress | None = None,
) -> list[float]:
    """Train a fitted classifier on, inside a network that ends in it; return its epochs' losses.

    Parameters
    ----------
    model
        Fitted; it gets the trained head, and a longer loss curve.
    student_of
        From `Scaled` and the head to the network that ends in them; an `encoder` inside it learns
        at its own rate.
    samples, nodes
        N samples, and the (N,) node of each.
    training
        The settings.
    seed
        Seed of order and views.
    settings
        JSON-ready; what else determines this training, for card and checkpoints.
    checkpoints, progress
        As in `HierarchicalClassifier.fit_resumable`.

    Raises
    ------
    DivergedError, StorageError
        As in `falcon_svc.hierarchy.classifier.train.train`.
    """
    generator = torch.Generator().manual_seed(seed)
    head, loss = record.head_of(model, model.weights_, generator)
    loss.restore(model._model[1].state())
    student = student_of(Scaled(model), head)
    resumable = None
    if checkpoints is not None:
        resumable = Resumable(checkpoints, [record.settings_of(model), settings, seed])
    losses = train(
        *(student, loss, samples, torch.from_numpy(nodes)),
        *(training.of(model.n_features_in_), generator, progress, resumable),
    )
    model._keep(head, loss)
    model.loss_curve_ = [*model.loss_curve_, *losses]
    model.card_["training"] |= {"encoder": settings, "epochs": len(model.loss_curve_)}
    model.card_["metrics"]["training_loss"] = losses[-1]
    return losses
