"""Small grey images of planted fine classes: bars of four directions, dim or bright corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.discovery.training.warm_start import discriminant_start
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.networks import make_network
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.config import ViewConfig
from falcon_svc.encoder.views.image_views import ImageViews
from falcon_svc.joint.image_samples import ImageSamples
from falcon_svc.joint.train import FrozenStart
from falcon_svc.neighbors import search_neighbors
from falcon_svc.types import ByteArray, FloatArray, IntArray, LabelSource, Neighbors

SIDE, N_FINE, N_COARSE = 12, 4, 2
HEAD = TrainConfig(epochs=3, batch_size=64, solve_every=2)


@dataclass(frozen=True)
class PlantedImages:
    """Pixels (N, 1, S, S), their fine truth (for the test only), their coarse labels."""

    pixels: ByteArray
    fine: IntArray
    source: LabelSource

    def samples(self) -> ImageSamples:
        return ImageSamples(self.pixels, ImageViews(seen(self.pixels), ViewConfig().drawing), "cpu")

    def search(self, inputs: FloatArray) -> tuple[Neighbors, ...]:
        return (search_neighbors(inputs, self.source, 5, seed=0),)


def planted_images(n: int = 160, seed: int = 0) -> PlantedImages:
    rng = np.random.default_rng(seed)
    fine = np.arange(n) % N_FINE
    pixels = rng.integers(0, 90, size=(n, 1, SIDE, SIDE))
    for row, kind in enumerate(fine):
        bar = pixels[row, 0, 4:7, 1:-1] if kind % 2 else pixels[row, 0, 1:-1, 4:7]
        bar += 150
        if kind >= 2:
            pixels[row, 0, -4:, -4:] += 150
    coarse = (fine // 2).astype(np.int64)
    return PlantedImages(
        pixels.clip(0, 255).astype(np.uint8), fine, LabelSource("coarse", coarse, ("a", "b"))
    )


def seen(pixels: ByteArray) -> Preprocessing:
    return Preprocessing(
        side=SIDE, resized=SIDE, channels=1, mean=(float(pixels.mean() / 255),), std=(0.3,)
    )


def frozen_start(data: PlantedImages) -> tuple[FrozenStart, FloatArray]:
    """A head trained on an untrained network's features, and these features."""
    torch.manual_seed(0)
    network = make_network("conv", channels=1, side=SIDE)
    encoder = NetworkEncoder(network, "conv", seen(data.pixels))
    with torch.inference_mode():
        features = network.eval()(data.samples().clean(torch.arange(len(data.pixels)))).numpy()
    space = FeatureSpace.learn(features, features.mean(axis=0), data.fine, shrinkage=0.5)
    inputs = space.apply(features)
    relation = np.repeat(np.eye(N_COARSE, dtype=bool), N_FINE // N_COARSE, axis=0)
    first = discriminant_start(inputs, data.fine, data.source.labels, (relation,), seed=0)
    neighbors = data.search(inputs)
    head = train_head(inputs, (data.source,), neighbors, first, HEAD, seed=0)
    start = FrozenStart(encoder, space, head, (data.source,), neighbors, None, (None,))
    return start, features
