"""The feature step: `CoarseDataset -> Features`, vectors as they are or through an encoder.

An encoder is anything that satisfies `base.Encoder`; `ENCODERS` finds it by the part of its name
before the colon, the rest is its argument.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from falcon_svc.encoder.base import Encoder, Progress
from falcon_svc.encoder.cache import load_or_make
from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.encoder.onnx import OnnxEncoder
from falcon_svc.encoder.pixels import PixelEncoder
from falcon_svc.errors import ConfigError
from falcon_svc.types import CoarseDataset, Features, FloatArray, Images

ENCODERS: dict[str, Callable[[str, EncoderConfig, Images], Encoder]] = {
    "pixels": PixelEncoder,
    "onnx": OnnxEncoder,
}
PASS_THROUGH = "none"
DEFAULT_FOR_IMAGES = "pixels"


def extract_features(
    dataset: CoarseDataset,
    config: EncoderConfig | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return one vector per sample.

    Parameters
    ----------
    dataset
        N vectors or images.
    config
        Which encoder; None = vectors as they are, images through pixel PCA.
    cache_dir
        Folder of the feature cache; None = keep in memory. Vectors are never copied into it.
    progress
        Called with (images done, N).

    Returns
    -------
    Features
        (N, D) float32 in the data set's order; a memory map when it comes from the cache.

    Raises
    ------
    ConfigError
        Unknown encoder, or one that cannot work on this data set.
    MissingExtraError
        The encoder needs a package that is not installed.
    StorageError
        The cache cannot be written.
    """
    config = config or EncoderConfig()
    if dataset.vectors is not None:
        _check_pass_through(config.name)
        return Features(dataset.vectors, PASS_THROUGH, key(dataset.digest, PASS_THROUGH))
    images = dataset.images
    assert images is not None
    encoder = open_encoder(config, images)
    name = key(dataset.digest, encoder.spec)
    shape = (len(images), encoder.dim)

    def make(out: FloatArray) -> None:
        encoder.encode(images, out, progress)

    if cache_dir is not None:
        return Features(load_or_make(cache_dir, name, shape, make), encoder.spec, name)
    vectors = np.zeros(shape, np.float32)
    make(vectors)
    return Features(vectors, encoder.spec, name)


def open_encoder(config: EncoderConfig, images: Images) -> Encoder:
    """Return the encoder named by the settings.

    Raises
    ------
    ConfigError
        No encoder of this name for images.
    """
    chosen = DEFAULT_FOR_IMAGES if config.name == "auto" else config.name
    kind, _, argument = chosen.partition(":")
    if kind not in ENCODERS:
        raise ConfigError(
            f"Expected an encoder for images, one of {', '.join(ENCODERS)}, found "
            f"{config.name!r}; choose one with --encoder.",
            code="bad_encoder",
        )
    return ENCODERS[kind](argument, config, images)


def key(dataset_digest: str, spec: str) -> str:
    """Return the sha256 that names the features of a data set under an encoder."""
    return hashlib.sha256(f"{dataset_digest}\n{spec}".encode()).hexdigest()


def _check_pass_through(name: str) -> None:
    if name not in ("auto", PASS_THROUGH):
        raise ConfigError(
            f"Expected the encoder none for a data set of vectors, found {name!r}; "
            "leave --encoder out, or give images.",
            code="bad_encoder",
        )
