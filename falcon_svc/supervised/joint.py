"""A hierarchical classifier and the encoder of its images, trained together.

Place: after the head was fitted to frozen features, from `falcon_svc.supervised.training`. Samples,
views and network are those of a discovery's joint training (`falcon_svc.joint`), the loop is the
head's own. The settings `fresh_neighbors` and `refresh_every` of `[joint]` are a discovery's alone:
labels that are given need no neighbors.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.encoder import Encoder, EncoderRun
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.views.training_views import training_views
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.classifier.further import train_further
from falcon_svc.hierarchy.classifier.train import Training
from falcon_svc.joint.classifier import Classifier
from falcon_svc.joint.config import EncoderTraining
from falcon_svc.joint.image_samples import ImageRows, ImageSamples, load_or_make_pixels
from falcon_svc.joint.trainable import seen_by
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """Images that an encoder is trained on, and the encoder that it begins as.

    Parameters
    ----------
    encoder
        As it is; it is not changed.
    samples
        The N images and their views.
    config
        Settings of the joint training.
    seed
        Seed of order and views, >= 0.
    """

    encoder: NetworkEncoder
    samples: ImageSamples
    config: EncoderTraining
    seed: int

    @classmethod
    def of(
        cls, dataset: CoarseDataset, encoder: Encoder, run: EncoderRun, config: EncoderTraining
    ) -> TrainingImages:
        """Read all images of a data set as a trainable encoder sees them."""
        assert isinstance(encoder, NetworkEncoder), "checked by check_trainable"
        seen = seen_by(encoder)
        run.progress.stage("pixels", len(dataset))
        folder = None if run.work_dir is None else run.work_dir / "pixels"
        pixels = load_or_make_pixels(dataset, seen, folder, run.progress)
        views = training_views(seen, pixels, dataset.coarse.labels, run.config.moco)
        return cls(encoder, ImageSamples(pixels, views, run.device), config, run.seed)

    @torch.inference_mode()
    def vectors_by(self, encoder: NetworkEncoder, rows: IntArray) -> FloatArray:
        """Return (n, D) vectors that an encoder makes of rows (n,)."""
        network = encoder.network.eval()
        pieces = torch.split(torch.from_numpy(rows), self.samples.most_rows)
        parts = [network(self.samples.clean(piece)).float().cpu() for piece in pieces]
        return np.asarray(torch.cat(parts).numpy())


def train_encoder_too(
    model: HierarchicalClassifier,
    images: TrainingImages,
    rows: IntArray,
    nodes: IntArray,
    *,
    checkpoints: CheckpointStore | None = None,
    progress: Progress | None = None,
) -> NetworkEncoder:
    """Train a classifier on, through the encoder of its images; return the trained encoder.

    Parameters
    ----------
    model
        Fitted to the vectors that the encoder makes; its head moves on.
    images
        All N images.
    rows
        (n,) numbers of those that are trained on.
    nodes
        (N,) node of each image; those at the root train nothing and are passed over.
    checkpoints
        Kept after every epoch, and gone on from; None = none.
    progress
        Told of every epoch.

    Raises
    ------
    DivergedError, StorageError
        As in `HierarchicalClassifier.fit_resumable`.
    """
    network = copy.deepcopy(images.encoder.network).to(images.samples.device)
    settings = images.config.model_dump(mode="json")
    losses = train_further(
        model,
        lambda space, head: _student(network, space, head, images.config),
        ImageRows(images.samples, rows[nodes[rows] > 0]),
        nodes,
        _training(model, images.config),
        seed=images.seed,
        settings=settings,
        checkpoints=checkpoints,
        progress=progress,
    )
    history = [{"epoch": k, "loss": loss} for k, loss in enumerate(losses, start=1)]
    origin = {**images.encoder.origin, "joint": {"config": settings, "history": history}}
    return replace(images.encoder, network=network.eval(), origin=origin)


def _student(
    network: nn.Module, space: nn.Module, head: nn.Module, config: EncoderTraining
) -> Classifier:
    return Classifier(network, space, head, bf16=config.precision == "bf16")


def _training(model: HierarchicalClassifier, config: EncoderTraining) -> Training:
    return Training(
        config.epochs,
        config.batch_size,
        config.learning_rate,
        model.weight_decay,
        config.encoder_rate,
    )
