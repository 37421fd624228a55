"""From arguments to a first training state, and the digest by which a run knows its checkpoints.

Place: under `falcon_svc.discovery.training.trainer`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import nn

from falcon_svc.core import SGD, Adam, Optimizer, make_head, make_teacher
from falcon_svc.discovery.other_sources import compatible_pairs
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.head_start import HeadStart
from falcon_svc.discovery.training.samples import TrainSamples, update_digest
from falcon_svc.discovery.training.state import SourceState, TrainState
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource, Neighbors
from solver import Constraints


@dataclass(frozen=True, eq=False)
class TrainInputs:
    """All that determines a training.

    Parameters
    ----------
    samples
        N samples.
    student
        First student: from the samples' views to (B, F) logits. It is trained in place.
    sources, neighbors
        Label sources and the neighbors searched with each.
    relations
        Per source (F, C) bool to begin with.
    config
        Losses, weights, schedule.
    fine_prior
        (F,) expected shares of the fine classes; None = equal.
    size_targets
        Per source (C,) wanted numbers of fine classes, or None for an even share.
    wishes
        Per source, the constraints that every solve of its relation keeps; empty = none.
    seed
        Seed of batches, views and sampled neighbors.
    encoder_rate
        Share of the learning rate for the weights of `student.encoder`, if it has one.
    """

    samples: TrainSamples
    student: nn.Module
    sources: tuple[LabelSource, ...]
    neighbors: tuple[Neighbors, ...]
    relations: tuple[BoolArray, ...]
    config: TrainConfig
    fine_prior: FloatArray | None
    size_targets: tuple[IntArray | None, ...]
    seed: int
    encoder_rate: float = 1.0
    wishes: tuple[Constraints, ...] = ()


def make_state(inputs: TrainInputs, generator: torch.Generator) -> TrainState:
    """Return the state before the first epoch; `generator` is the one that goes on drawing."""
    config, place = inputs.config, inputs.samples.device
    student = inputs.student.to(place).train()
    first = inputs.sources[0]
    wishes = inputs.wishes or (Constraints(),) * len(inputs.sources)
    compatible = (None, *(compatible_pairs(first, other) for other in inputs.sources[1:]))
    parts = zip(
        inputs.sources, inputs.neighbors, inputs.relations, inputs.size_targets, strict=True
    )
    ties = zip(wishes, compatible, strict=True)
    return TrainState(
        student=student,
        teacher=make_teacher(student, config.teacher_momentum),
        optimizer=_optimizer(student, config, inputs.encoder_rate),
        generator=generator,
        sources=tuple(
            SourceState(*part, *tie, device=place) for part, tie in zip(parts, ties, strict=True)
        ),
    )


def first_head(start: HeadStart, config: TrainConfig, generator: torch.Generator) -> nn.Module:
    """Return the head that scores classes by the start's class vectors."""
    return make_head(
        config.head,
        torch.from_numpy(start.weight.copy()),
        torch.from_numpy(start.bias.copy()),
        hidden=config.hidden_units,
        temperature=config.head_temperature,
        learned_temperature=config.learn_head_temperature,
        generator=generator,
    )


def _optimizer(student: nn.Module, config: TrainConfig, encoder_rate: float) -> Optimizer:
    """Head weights at the full learning rate, an encoder's at `encoder_rate` of it."""
    encoder = getattr(student, "encoder", None)
    slow = [] if encoder is None else [p for p in encoder.parameters() if p.requires_grad]
    known = {id(p) for p in slow}
    fast = [p for p in student.parameters() if p.requires_grad and id(p) not in known]
    groups = [{"params": fast, "share": 1.0}]
    if slow:
        groups.append({"params": slow, "share": encoder_rate})
    return (Adam if config.optimizer == "adam" else SGD)(groups, config.learning_rate)


def _settings_of(inputs: TrainInputs) -> str:
    return f"head/2 {inputs.seed} {inputs.encoder_rate} {inputs.config.model_dump_json()}"


def run_digest(inputs: TrainInputs) -> str:
    """Return a sha256 over all that determines a training, as hex."""
    digest = hashlib.sha256(_settings_of(inputs).encode())
    inputs.samples.update(digest)
    for array in (
        *(source.cells().source.labels for source in inputs.sources),
        *(found.index for found in inputs.neighbors),
        *(weight.detach().cpu().numpy() for weight in inputs.student.state_dict().values()),
        *inputs.relations,
        inputs.fine_prior,
        *inputs.size_targets,
    ):
        update_digest(digest, array)
    for wishes in inputs.wishes:
        for part in wishes.canonical():
            digest.update(part)
    return digest.hexdigest()
