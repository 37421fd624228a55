"""Small nets, drawings and settings that pre-training is tested with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.config import DrawingStrengths
from falcon_svc.encoder.views.image_views import ImageViews
from falcon_svc.types import ByteArray, IntArray

SIDE = 8


def config(**changes: Any) -> MocoConfig:
    small = {"projector_width": 16, "predictor_width": 16, "embedding_dim": 8}
    return MocoConfig(**{"epochs": 3, "batch_size": 16, "warmup_epochs": 1, **small, **changes})


def network(seed: int = 0) -> nn.Module:
    """(B, 1, 8, 8) -> (B, 6), with a batch norm."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(1, 6, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
    net.dim = 6
    return net


def drawings(n: int = 48, n_coarse: int = 3, seed: int = 0) -> tuple[ByteArray, IntArray]:
    """(N, 1, 8, 8) patterns, and the coarse class that each comes from."""
    rng = np.random.default_rng(seed)
    coarse = np.arange(n, dtype=np.int64) % n_coarse
    patterns = rng.integers(0, 200, (n_coarse, 1, SIDE, SIDE))
    noise = rng.integers(0, 56, (n, 1, SIDE, SIDE))
    return (patterns[coarse] + noise).astype(np.uint8), coarse


def views() -> ImageViews:
    seen = Preprocessing(side=SIDE, resized=SIDE, channels=1, mean=(0.5,), std=(0.25,))
    return ImageViews(seen, DrawingStrengths(crop_scale=(0.5, 1), brightness=0.4, contrast=0.4))
