"""lightly's own MoCo loop on images in memory, to be timed beside ours.

Place: the yardstick of `falcon_svc.bench.encoder_bench`; nothing else uses it. Source: the MoCo
example in the documentation of lightly (Susmelj et al.), from whose parts it is put together:
its transform on PIL images behind a `DataLoader`, its projection head, its momentum update and
its loss with a memory bank. Images lie in memory, so nothing is read from disk.
"""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from falcon_svc.encoder.backbones.networks import Network
from falcon_svc.errors import MissingExtraError
from falcon_svc.types import ByteArray

HIDDEN, OUT = 512, 128
BANK = 4096
MOMENTUM = 0.99
RATE = 0.06


class PictureSet(Dataset[tuple[Tensor, Tensor]]):
    """Images (N, C, S, S) uint8, each turned into PIL and then into views when it is asked for."""

    def __init__(self, pixels: ByteArray, transform: Any) -> None:
        self.pictures = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1).squeeze())
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        query, key = self.transform(Image.fromarray(self.pictures[row]))
        return query, key


class LightlyLoop:
    """Network, head, their momentum copies, loss and loader.

    Parameters
    ----------
    pixels
        (N, C, S, S) uint8.
    network
        Trained in place.
    batch_size
        B.
    workers
        Processes of the loader; 0 = views are made in the loop.
    both_views
        Whether each view is a query once, as in MoCo v3, or the first only, as in the example.
    bf16
        Whether the networks compute in bfloat16.
    """

    def __init__(
        self,
        pixels: ByteArray,
        network: Network,
        *,
        batch_size: int,
        workers: int,
        both_views: bool,
        bf16: bool,
    ) -> None:
        try:
            from lightly.loss import NTXentLoss
            from lightly.models.modules import MoCoProjectionHead
            from lightly.transforms import MoCoV2Transform
        except ImportError as error:
            raise MissingExtraError("lightly", extra="bench", purpose="The yardstick") from error
        channels, side = pixels.shape[1:3]
        normalize = {"mean": [0.5] * channels, "std": [0.25] * channels}
        transform = MoCoV2Transform(side, gaussian_blur=0.0, normalize=normalize)
        self._loader = DataLoader(
            PictureSet(pixels, transform),
            batch_size=batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )
        self._model = nn.Sequential(network, MoCoProjectionHead(network.dim, HIDDEN, OUT))
        self._momentum_model = copy.deepcopy(self._model).requires_grad_(False)
        self._loss = NTXentLoss(memory_bank_size=(BANK, OUT))
        self._optimizer = torch.optim.SGD(self._model.parameters(), lr=RATE)
        self._both_views, self._bf16 = both_views, bf16

    def train_epoch(self) -> float:
        """Train on every full batch once and return images per second."""
        began, seen = time.perf_counter(), 0
        for first, second in self._loader:
            self._step(first, second)
            seen += len(first)
        return seen / (time.perf_counter() - began)

    def _step(self, first: Tensor, second: Tensor) -> None:
        from lightly.models.utils import update_momentum

        update_momentum(self._model, self._momentum_model, m=MOMENTUM)
        loss = self._contrast(first, second)
        if self._both_views:
            loss = loss + self._contrast(second, first)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._optimizer.zero_grad()

    def _contrast(self, query: Tensor, key: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            queries = self._model(query)
            with torch.no_grad():
                keys = self._momentum_model(key)
        loss: Tensor = self._loss(queries.float(), keys.float())
        return loss
