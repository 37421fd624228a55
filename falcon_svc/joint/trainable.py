"""Which encoders can be trained further, and how they see images.

Place: asked before a joint training, of a discovery or of a classifier, takes any time.
"""

from __future__ import annotations

from falcon_svc.encoder import Encoder, EncoderConfig
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.errors import ConfigError
from falcon_svc.types import CoarseDataset

TRAINABLE = ("moco", "timm", "torchvision")
"""Encoders of images that are networks of torch."""


def check_trainable(dataset: CoarseDataset, config: EncoderConfig) -> None:
    """Refuse to train what cannot be trained.

    Raises
    ------
    ConfigError
        The samples are no images, or the encoder that the settings name is no network of torch.
    """
    kind = config.name.partition(":")[0]
    if dataset.images is None or kind not in TRAINABLE:
        raise ConfigError(
            "Expected images and an encoder among moco, timm:NAME and torchvision:NAME where the "
            f"encoder is to be trained, found {config.name!r} on {dataset.kind}; leave "
            "--train-encoder out, or choose one of these.",
            code="bad_encoder",
        )


def seen_by(encoder: Encoder) -> Preprocessing:
    """Return how a trainable encoder sees images."""
    seen = encoder.seen if isinstance(encoder, NetworkEncoder) else None
    assert isinstance(seen, Preprocessing), "checked by check_trainable"
    return seen
