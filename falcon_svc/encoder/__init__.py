"""From samples to vectors: pass-through, pixel PCA, or a network given by the user."""

from __future__ import annotations

from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.encoder.features import extract_features

__all__ = ["EncoderConfig", "extract_features"]
