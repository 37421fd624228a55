"""Epochs of batches: rows drawn, gathered and turned into views while the last batch is trained on.

Place: between an array of samples, often a memory map, and the training loops. The order of an
epoch and its random views follow from (seed, epoch, process) alone, so that a resumed run needs
no state from here to go on exactly as it would have.

Shapes: N samples, B batch of this process.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falcon_svc.types import IntArray

AHEAD = 2
"""Batches that are made before they are asked for."""

MakeViews = Callable[[Tensor, torch.Generator], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Batch:
    """Rows (B,) of the samples, and their views, each (B, ...), on the training device."""

    rows: Tensor
    views: tuple[Tensor, ...]


@dataclass
class Flow:
    """How fast the batches of an epoch went through, and how long the loop waited for them."""

    samples: int = 0
    seconds: float = 0.0
    waiting_s: float = 0.0

    @property
    def samples_per_s(self) -> float:
        """Samples of this process per second, training included."""
        return self.samples / self.seconds if self.seconds else 0.0

    @property
    def waiting_share(self) -> float:
        """Share of the time in which the loop waited for data, 0 to 1."""
        return self.waiting_s / self.seconds if self.seconds else 0.0


class Batches:
    """Batches of an array of samples.

    Parameters
    ----------
    samples
        (N, ...), of any type that torch knows.
    views
        Makes the views of a batch (B, ...), for example `Views.two`.
    batch_size
        Samples per batch of all processes; batches are evened out to about this many.
    seed
        Seed of orders and views.
    device
        Where batches and views are made.
    rank, world_size
        Number of this process and of all. Every process gets batches of the same sizes; at most
        `world_size` - 1 samples occur twice in an epoch for that.
    """

    def __init__(
        self,
        samples: NDArray[Any],
        views: MakeViews,
        *,
        batch_size: int,
        seed: int,
        device: str | torch.device,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self._samples, self._views = samples, views
        self._count = max(1, round(len(samples) / batch_size))
        self._seed, self._device = seed, torch.device(device)
        self._rank, self._world_size = rank, world_size
        self.flow = Flow()

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self._count

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of an epoch; `flow` tells of it, up to the last batch done."""
        self.flow = flow = Flow()
        seed = np.random.SeedSequence([self._seed, number, self._rank])
        generator = torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0]))
        pending: deque[Future[Batch]] = deque()
        began = time.perf_counter()
        with ThreadPoolExecutor(1, "batches") as pool:
            for rows in self.rows(number):
                pending.append(pool.submit(self._make, rows, generator))
                if len(pending) > AHEAD:
                    yield _wait(pending, flow, began)
            while pending:
                yield _wait(pending, flow, began)
        flow.seconds = time.perf_counter() - began

    def rows(self, epoch: int) -> list[IntArray]:
        """Return this process's rows (B,) of every batch of an epoch."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._samples))
        short = -len(order) % self._world_size
        shares = np.resize(order, len(order) + short).reshape(-1, self._world_size)
        return np.array_split(shares[:, self._rank], self._count)

    def _make(self, rows: IntArray, generator: torch.Generator) -> Batch:
        batch = torch.from_numpy(np.take(self._samples, rows, axis=0))
        views = self._views(batch.to(self._device), generator)
        return Batch(torch.from_numpy(rows).to(self._device), views)


def _wait(pending: deque[Future[Batch]], flow: Flow, began: float) -> Batch:
    """Take the oldest batch, and keep account of time."""
    asked = time.perf_counter()
    batch = pending.popleft().result()
    now = time.perf_counter()
    flow.samples += len(batch.rows)
    flow.waiting_s += now - asked
    flow.seconds = now - began
    return batch
