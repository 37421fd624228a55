"""The training loop of hierarchical heads: minibatches, AdamW, a falling rate, one seed.

Place: under `HierarchicalClassifier`; knows a head and a loss, neither files nor labels'
names. The same seed, data and thread count give the same weights.

Shapes: N samples, D inputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from falcon_svc.errors import ConfigError, DivergedError
from falcon_svc.hierarchy.classifier.state import Resumable, TrainState
from falcon_svc.hierarchy.losses.base import NodeLoss
from falcon_svc.progress import Progress, Silent, taken_over

STEPS_PER_EPOCH = 40
LEAST_BATCH, MOST_BATCH = 16, 256
LEAST_EPOCHS, LEAST_STEPS = 5, 200
FULL_DECAY_INPUTS = 128
BETAS = (0.9, 0.99)  # of AdamW: runs are short, so the second moments forget sooner than usual


@dataclass(frozen=True)
class Training:
    """How a head is trained.

    Parameters
    ----------
    epochs
        Passes over the data; None = 5, or as many as make 200 steps.
    batch_size
        Samples per step; None = 1/40 of the data, at least 16 and at most 256.
    learning_rate
        Learning rate of AdamW at first; it falls to 0 in a straight line.
    weight_decay
        Weight decay of AdamW: shrinks the weights by this times the learning rate at every step,
        which keeps each of them below about 1 / weight_decay. None = D / 128, at most 1: with few
        features the weights must be larger to be as sure.

    Notes
    -----
    The defaults were chosen on one split of three data sets of sentence and image features
    (docs/benchmarks-hierarchy.md), for all losses alike: 20 epochs were no better.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 0.03
    weight_decay: float | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ConfigError(f"Expected {name} of 1 or more or None, found {count}.")
        if self.learning_rate <= 0 or (self.weight_decay or 0) < 0:
            raise ConfigError(
                f"Expected a learning_rate above 0 and a weight_decay of 0 or more or None, "
                f"found {self.learning_rate} and {self.weight_decay}."
            )

    def batch(self, n: int) -> int:
        """Return the samples per step for n samples."""
        return self.batch_size or min(MOST_BATCH, max(LEAST_BATCH, n // STEPS_PER_EPOCH))

    def decay(self, n_inputs: int) -> float:
        """Return the weight decay for vectors of this many numbers."""
        usual = min(1.0, n_inputs / FULL_DECAY_INPUTS)
        return usual if self.weight_decay is None else self.weight_decay

    def passes(self, n: int) -> int:
        """Return the epochs for n samples."""
        steps = math.ceil(n / self.batch(n))
        return self.epochs or max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / steps))


def train(
    head: nn.Module,
    loss: NodeLoss,
    inputs: Tensor,
    labels: Tensor,
    training: Training,
    generator: torch.Generator,
    progress: Progress | None = None,
    resumable: Resumable | None = None,
) -> list[float]:
    """Train a head in place and return the mean loss of each epoch.

    Parameters
    ----------
    head
        From (B, D) to the loss's scores.
    loss
        The loss.
    inputs
        (N, D) float32.
    labels
        (N,) nodes, or (N, n_nodes) bool for losses that take sets.
    training
        The settings.
    generator
        Order of the samples, and whatever the loss draws.
    progress
        Told of every epoch.
    resumable
        Where checkpoints are kept after every epoch, and gone on from.

    Raises
    ------
    DivergedError
        The loss is no finite number any more.
    StorageError
        A checkpoint cannot be written, or belongs to another training.
    """
    told = progress or Silent()
    size, epochs = training.batch(len(inputs)), training.passes(len(inputs))
    told.stage("train", epochs)
    groups = _groups(head, training.decay(inputs.shape[1]))
    optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, betas=BETAS, fused=True)
    steps = epochs * math.ceil(len(inputs) / size)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    state = TrainState(head, loss, optimizer, scheduler, generator)
    digest = "" if resumable is None else resumable.digest(head, inputs, labels)
    if resumable is not None and (saved := resumable.checkpoints.load(digest)) is not None:
        state.load(saved)
    head.train()
    earlier = len(state.means)
    for epoch in range(earlier, epochs):
        state.means.append(_finite(_epoch(state, inputs, labels, size), epoch))
        if resumable is not None:
            resumable.checkpoints.save(digest, epoch + 1, state.save())
        told.advance(epoch + 1, {"loss": state.means[-1]} | taken_over(earlier))
    head.eval()
    return state.means


def _epoch(state: TrainState, inputs: Tensor, labels: Tensor, size: int) -> float:
    """Pass over the samples once; return their mean loss."""
    total = 0.0
    order = torch.randperm(len(inputs), generator=state.generator)
    for rows in torch.split(order, size):
        batch = state.loss.loss(state.head(inputs[rows]), labels[rows], state.generator).mean()
        state.optimizer.zero_grad()
        batch.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        state.scheduler.step()
        total += batch.item() * len(rows)
    state.loss.end_epoch()
    return total / len(inputs)


def _groups(head: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay, biases and factors do not."""
    matrices = [p for p in head.parameters() if p.ndim >= 2]
    rest = [p for p in head.parameters() if p.ndim < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(
            f"Training left the finite numbers in epoch {epoch + 1}; "
            "look for extreme values in the features, or lower the learning rate."
        )
    return loss
