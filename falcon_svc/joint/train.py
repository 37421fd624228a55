"""FALCON's joint training: the loop of `discovery.training.trainer` with the encoder inside.

Source: FALCON (ICML 2024), algorithm 1. Deviations from the paper: it starts from a head trained
on frozen features rather than from random class vectors; the encoder learns more slowly than the
head; neighbors may be searched again by the teacher's features of clean images (the released code
never does); the teacher uses running statistics.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.setup import TrainInputs
from falcon_svc.discovery.training.trained_head import TrainedHead
from falcon_svc.discovery.training.trainer import Refresh, train
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.joint.classifier import Classifier, SpaceLayer
from falcon_svc.joint.config import JointConfig
from falcon_svc.joint.image_samples import ImageSamples
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors

Search = Callable[[FloatArray], tuple[Neighbors, ...]]


@dataclass(frozen=True, eq=False)
class FrozenStart:
    """What training on frozen features left.

    Parameters
    ----------
    encoder, space, head
        From images to features, head inputs, logits.
    sources, neighbors
        Label sources and the neighbors that were searched with each.
    fine_prior, size_targets
        As in `TrainInputs`.
    """

    encoder: NetworkEncoder
    space: FeatureSpace
    head: TrainedHead
    sources: tuple[LabelSource, ...]
    neighbors: tuple[Neighbors, ...]
    fine_prior: FloatArray | None
    size_targets: tuple[IntArray | None, ...]


def train_jointly(
    start: FrozenStart,
    samples: ImageSamples,
    search: Search,
    config: JointConfig,
    head_config: TrainConfig,
    *,
    seed: int,
    work_dir: Path | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> tuple[NetworkEncoder, TrainedHead]:
    """Train encoder and head together, from coarse labels alone.

    Parameters
    ----------
    start
        Frozen encoder, head and all that the head was trained with; it is not changed.
    samples
        The N images.
    search
        From head inputs (N, D') to neighbors, one search per source.
    config, head_config
        Settings of this training, and of the head's before it.
    seed
        Seed of batches, views and sampled neighbors.
    work_dir
        Where checkpoints are saved after every epoch, and where to go on from; None = nowhere.
    on_epoch
        Called with the report of every epoch that is trained here.

    Returns
    -------
    tuple
        The teacher's encoder, and the heads of student and teacher with their relations.

    Raises
    ------
    DivergedError
        The loss stopped being finite and twice halving the learning rate did not help.
    StorageError
        The checkpoints cannot be written or belong to another run.
    """
    inputs = TrainInputs(
        samples=samples,
        student=_first_student(start, config, head_config),
        sources=start.sources,
        neighbors=start.neighbors,
        relations=start.head.relations,
        config=config.train(head_config),
        fine_prior=start.fine_prior,
        size_targets=start.size_targets,
        seed=seed,
        encoder_rate=config.encoder_rate,
        wishes=start.head.wishes,
    )
    trained = train(
        inputs,
        torch.Generator().manual_seed(seed),
        refresh=_refresh(samples, search, config),
        checkpoints=None if work_dir is None else CheckpointStore(work_dir / "checkpoints"),
        on_epoch=on_epoch,
    )
    return _apart(trained, start.encoder, config)


def _first_student(start: FrozenStart, config: JointConfig, head_config: TrainConfig) -> Classifier:
    """The teacher of the frozen training, its parts copied and free to move."""
    network, head = copy.deepcopy((start.encoder.network, start.head.teacher))
    fixed = set() if head_config.learn_head_temperature else {"log_temperature"}
    for name, weight in [*network.named_parameters(), *head.named_parameters()]:
        weight.requires_grad_(name not in fixed)
    return Classifier(network, SpaceLayer(start.space), head, bf16=config.precision == "bf16")


def _refresh(samples: ImageSamples, search: Search, config: JointConfig) -> Refresh | None:
    if not config.refresh_every:
        return None
    return Refresh(config.refresh_every, lambda teacher: search(_head_inputs(teacher, samples)))


@torch.inference_mode()
def _head_inputs(classifier: nn.Module, samples: ImageSamples) -> FloatArray:
    """Return (N, D') inputs that a classifier in evaluation mode makes of clean images."""
    assert isinstance(classifier, Classifier)
    every = torch.arange(len(samples), device=samples.device)
    pieces = torch.split(every, samples.most_rows)
    parts = [classifier.inputs(samples.clean(rows)) for rows in pieces]
    return np.asarray(torch.cat(parts).cpu().numpy(), np.float32)


def _apart(
    trained: TrainedHead, frozen: NetworkEncoder, config: JointConfig
) -> tuple[NetworkEncoder, TrainedHead]:
    """Take the trained classifiers apart into the teacher's encoder and both heads."""
    student, teacher = trained.student, trained.teacher
    assert isinstance(student, Classifier) and isinstance(teacher, Classifier)
    origin = {
        **frozen.origin,
        "joint": {"config": config.model_dump(mode="json"), "history": list(trained.history)},
    }
    encoder = replace(frozen, network=teacher.encoder.to(frozen.device), origin=origin)
    return encoder, replace(trained, student=student.head, teacher=teacher.head)
