"""From samples to vectors: pass-through, pixel PCA, sentences, or a network, given or trained."""

from __future__ import annotations

from falcon_svc.encoder.base import Encoder, EncoderRun
from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.encoder.features import (
    encode,
    extract_features,
    notes_of,
    open_encoder,
    open_saved,
)

__all__ = [
    "Encoder",
    "EncoderConfig",
    "EncoderRun",
    "encode",
    "extract_features",
    "notes_of",
    "open_encoder",
    "open_saved",
]
