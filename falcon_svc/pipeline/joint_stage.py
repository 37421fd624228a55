"""The stage that trains the encoder too, where the settings ask for it.

Place: between the stages "head" and "assignments" of `falcon_svc.pipeline.discover`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from falcon_svc.config import DiscoveryConfig
from falcon_svc.encoder import Encoder
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.training_views import training_views
from falcon_svc.errors import ConfigError
from falcon_svc.joint.image_samples import ImageSamples, load_or_make_pixels
from falcon_svc.joint.train import FrozenStart, Search, train_jointly
from falcon_svc.pipeline.record import Recorder
from falcon_svc.types import CoarseDataset


def check_trainable(encoder: Encoder, dataset: CoarseDataset, config: DiscoveryConfig) -> None:
    """Refuse to train what cannot be trained, before anything else takes time.

    Raises
    ------
    ConfigError
        Joint training is asked for, and the encoder is not a network of ours on images.
    """
    wanted = config.joint.train_encoder
    if wanted and (dataset.images is None or not isinstance(encoder, NetworkEncoder)):
        raise ConfigError(
            "Expected images and an encoder among moco, timm:NAME and torchvision:NAME where the "
            f"encoder is to be trained, found {config.encoder.name!r} on "
            f"{'vectors' if dataset.images is None else 'images'}; leave --train-encoder out, or "
            "choose one of these.",
            code="bad_encoder",
        )


def train_encoder_too(
    frozen: FrozenStart,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    search: Search,
    *,
    device: str,
    work_dir: Path | None,
    recorder: Recorder,
) -> FrozenStart:
    """Return the start with its encoder and head trained jointly.

    Parameters
    ----------
    frozen
        What training on frozen features left.
    dataset, config
        As of the discovery.
    search
        From head inputs to neighbors.
    device, work_dir, recorder
        Where to train, where to leave checkpoints, whom to tell.
    """
    seen = frozen.encoder.seen
    assert isinstance(seen, Preprocessing), "checked by check_trainable"
    folder = None if work_dir is None else work_dir / "joint"
    with recorder.stage("pixels", total=len(dataset)):
        pixels = load_or_make_pixels(dataset, seen, folder, recorder.progress)
    views = training_views(seen, pixels, dataset.coarse.labels, config.encoder.moco)
    with recorder.stage("joint", total=config.joint.epochs):
        encoder, head = train_jointly(
            frozen,
            ImageSamples(pixels, views, device),
            search,
            config.joint,
            config.train,
            seed=config.seed,
            work_dir=folder,
            on_epoch=recorder.epoch,
        )
    earlier = frozen.head.history
    history = ({**row, "epoch": row["epoch"] + len(earlier)} for row in head.history)
    head = replace(head, history=(*earlier, *history))
    return replace(frozen, encoder=encoder, head=head)
