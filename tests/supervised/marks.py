"""Grey images of marks that lie anywhere in noise: an encoder must learn what a mark is."""

from __future__ import annotations

import numpy as np
import torch

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderRun
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.networks import make_network
from falcon_svc.encoder.pixel_store import PixelStore
from falcon_svc.joint import JointConfig
from falcon_svc.supervised.joint import TrainingImages
from falcon_svc.types import ByteArray, CoarseDataset, FloatArray

SIDE, MARK = 16, 5
PATHS = (("line", "lying"), ("line", "standing"), ("closed", "ring"), ("closed", "block"))
JOINT = JointConfig(train_encoder=True, epochs=3, batch_size=32)


def _marks() -> ByteArray:
    """(4, 5, 5): two lines, a ring, and a block of as much light."""
    marks = np.zeros((4, MARK, MARK), np.int64)
    marks[0, 2], marks[1, :, 2] = 1, 1
    marks[2] = 1
    marks[2, 1:-1, 1:-1] = 0
    marks[3, :4, :4] = 1
    return marks


def pixels(n: int = 160, seed: int = 0) -> ByteArray:
    """(N, S, S), the four kinds in turn."""
    draw = np.random.default_rng(seed)
    images, marks = draw.integers(0, 90, (n, SIDE, SIDE)), _marks()
    for row in range(n):
        y, x = draw.integers(0, SIDE - MARK, 2)
        images[row, y : y + MARK, x : x + MARK] += 150 * marks[row % len(PATHS)]
    return images.astype(np.uint8)


def paths(n: int = 160) -> list[tuple[str, ...]]:
    return [PATHS[row % len(PATHS)] for row in range(n)]


def dataset(n: int = 160, seed: int = 0) -> CoarseDataset:
    return load_dataset(pixels(n, seed), labels={"coarse": [path[0] for path in paths(n)]})


def untrained(data: ByteArray, device: str = "cpu") -> NetworkEncoder:
    """Random convolutions that see images as those of the data set are seen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = make_network("conv", channels=1, side=SIDE)
    seen = PixelStore.of(data[:, None]).preprocessing
    return NetworkEncoder(network.to(device), "conv", seen, device=device)


def training_images(
    n: int = 160, config: JointConfig = JOINT, device: str = "cpu", seed: int = 0
) -> tuple[TrainingImages, FloatArray]:
    """Images with an untrained encoder, and the vectors that it makes of them."""
    encoder = untrained(pixels(n), device)
    images = TrainingImages.of(dataset(n), encoder, EncoderRun(seed=seed, device=device), config)
    return images, images.vectors_by(encoder, np.arange(n))
