"""The training loop of hierarchical heads: minibatches, AdamW, a falling rate, one seed.

Place: under `HierarchicalClassifier`; knows samples, a student and a loss, neither files nor
labels' names. The student is a head on vectors, or a network that ends in one: an `encoder` inside
it learns at a rate of its own. The same seed, data and thread count give the same weights.

Shapes: N samples, D inputs of the head.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from falcon_svc.core import Adam
from falcon_svc.errors import ConfigError, DivergedError
from falcon_svc.hierarchy.classifier.samples import Samples
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
    encoder_rate
        Share of the learning rate that the weights of `student.encoder` get, if it has one; they
        do not decay.

    Notes
    -----
    The defaults were chosen on one split of three data sets of sentence and image features
    (docs/benchmarks-hierarchy.md), for all losses alike: 20 epochs were no better.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float = 0.03
    weight_decay: float | None = None
    encoder_rate: float = 1.0

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

    def of(self, n_inputs: int) -> Training:
        """Return the same with a number as weight decay, for vectors of this many numbers."""
        usual = min(1.0, n_inputs / FULL_DECAY_INPUTS)
        decay = usual if self.weight_decay is None else self.weight_decay
        return replace(self, weight_decay=decay)

    def passes(self, n: int) -> int:
        """Return the epochs for n samples."""
        steps = math.ceil(n / self.batch(n))
        return self.epochs or max(LEAST_EPOCHS, math.ceil(LEAST_STEPS / steps))


def train(
    student: nn.Module,
    loss: NodeLoss,
    samples: Samples,
    labels: Tensor,
    training: Training,
    generator: torch.Generator,
    progress: Progress | None = None,
    resumable: Resumable | None = None,
) -> list[float]:
    """Train a student in place and return the mean loss of each epoch.

    Parameters
    ----------
    student
        From what the samples give to the loss's scores, which lie on the CPU.
    loss
        The loss.
    samples
        What is trained on.
    labels
        (N,) nodes, or (N, n_nodes) bool for losses that take sets.
    training
        The settings, with a number as weight decay.
    generator
        Order of the samples, their views, and whatever the loss draws.
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
    size, epochs = training.batch(len(samples)), training.passes(len(samples))
    told.stage("train", epochs)
    optimizer = Adam(_groups(student, training), training.learning_rate, betas=BETAS)
    steps = epochs * len(samples.batches(size, torch.Generator()))
    state = TrainState(student, loss, optimizer, generator, steps)
    digest = "" if resumable is None else resumable.digest(student, samples, labels)
    if resumable is not None and (saved := resumable.checkpoints.load(digest)) is not None:
        state.load(saved)
    student.train()
    earlier = len(state.means)
    for epoch in range(earlier, epochs):
        state.means.append(_finite(_epoch(state, samples, labels, size), epoch))
        if resumable is not None:
            resumable.checkpoints.save(digest, epoch + 1, state.save())
        told.advance(epoch + 1, {"loss": state.means[-1]} | taken_over(earlier))
    student.eval()
    return state.means


def _epoch(state: TrainState, samples: Samples, labels: Tensor, size: int) -> float:
    """Pass over the samples once; return their mean loss."""
    total = 0.0
    for rows in samples.batches(size, state.generator):
        scores = state.student(samples.inputs(rows, state.generator))
        batch = state.loss.loss(scores, labels[rows], state.generator).mean()
        state.optimizer.zero_grad()
        batch.backward()  # type: ignore[no-untyped-call]
        state.step()
        total += batch.item() * len(rows)
    state.loss.end_epoch()
    return total / len(samples)


def _groups(student: nn.Module, training: Training) -> list[dict[str, Any]]:
    """Matrices decay, biases and factors do not, nor does an encoder, which has its own rate."""
    encoder = getattr(student, "encoder", None)
    slow = [] if encoder is None else [p for p in encoder.parameters() if p.requires_grad]
    known = {id(weight) for weight in slow}
    fast = [p for p in student.parameters() if p.requires_grad and id(p) not in known]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in fast if p.ndim >= 2], "weight_decay": training.weight_decay},
        {"params": [p for p in fast if p.ndim < 2], "weight_decay": 0.0},
    ]
    if slow:
        rate = training.learning_rate * training.encoder_rate
        groups.append({"params": slow, "weight_decay": 0.0, "lr": rate})
    return groups


def _finite(loss: float, epoch: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(
            f"Training left the finite numbers in epoch {epoch + 1}; "
            "look for extreme values in the features, or lower the learning rate."
        )
    return loss
