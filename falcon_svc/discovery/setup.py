"""From arguments to a first training state, and the digest by which a run knows its checkpoints.

Place: under `falcon_svc.discovery.trainer`.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from falcon_svc.core import make_head, make_teacher
from falcon_svc.discovery.head_start import HeadStart
from falcon_svc.discovery.state import SourceState, TrainState
from falcon_svc.discovery.train_config import TrainConfig
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors


@dataclass(frozen=True, eq=False)
class TrainInputs:
    """The arguments of `falcon_svc.discovery.trainer.train_head` that determine its result."""

    features: FloatArray
    sources: tuple[LabelSource, ...]
    neighbors: tuple[Neighbors, ...]
    start: HeadStart
    config: TrainConfig
    fine_prior: FloatArray | None
    size_targets: tuple[IntArray | None, ...]
    seed: int


def make_state(inputs: TrainInputs, device: str) -> TrainState:
    """Return the state before the first epoch."""
    config = inputs.config
    place, generator = torch.device(device), torch.Generator().manual_seed(inputs.seed)
    student = first_head(inputs.start, config, generator).to(place)
    parts = zip(
        inputs.sources, inputs.neighbors, inputs.start.relations, inputs.size_targets, strict=True
    )
    return TrainState(
        student=student,
        teacher=make_teacher(student, config.teacher_momentum),
        optimizer=_optimizer(student, config),
        generator=generator,
        sources=tuple(SourceState(*part, device=place) for part in parts),
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


def _optimizer(student: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    weights = [p for p in student.parameters() if p.requires_grad]
    if config.optimizer == "adam":
        return torch.optim.Adam(weights, lr=config.learning_rate, fused=True)
    return torch.optim.SGD(weights, lr=config.learning_rate, momentum=0.9, fused=True)


def on_device(features: FloatArray, device: str) -> Tensor:
    """Return the features as a tensor: a view of the array (or its memory map) on the CPU."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(features)).to(device)


def run_digest(inputs: TrainInputs) -> str:
    """Return a sha256 over all that determines a training, as hex."""
    digest = hashlib.sha256(f"head/1 {inputs.seed} {inputs.config.model_dump_json()}".encode())
    for array in (
        inputs.features,
        *(source.labels for source in inputs.sources),
        *(found.index for found in inputs.neighbors),
        inputs.start.weight,
        inputs.start.bias,
        *inputs.start.relations,
        inputs.fine_prior,
        *inputs.size_targets,
    ):
        _update(digest, array)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, array: NDArray[np.generic] | None) -> None:
    """Hash shape, type and content; a memory map is read piece by piece."""
    if array is None:
        digest.update(b"none")
        return
    digest.update(f"{array.shape}{array.dtype}".encode())
    step = max(1, (1 << 24) // max(1, array[:1].nbytes))
    for first in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[first : first + step]).data)
