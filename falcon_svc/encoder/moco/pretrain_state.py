"""What pre-training carries from epoch to epoch, measures, and knows its checkpoints by.

Place: under `falcon_svc.encoder.moco.pretrain`.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from falcon_svc.checkpoint import Saved, prefixed, under
from falcon_svc.core import Optimizer
from falcon_svc.encoder.moco.collapse import coarse_purity
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.loss import MoCo
from falcon_svc.encoder.moco.optim import make_optimizer
from falcon_svc.encoder.views.image_views import Views
from falcon_svc.types import UNLABELLED, IntArray

PROBED_ROWS = 1_024
PROBED_AT_ONCE = 256
PIECE_BYTES = 1 << 24


@dataclass(frozen=True)
class PretrainReport:
    """An epoch of pre-training, for progress and `encoder.json`.

    The signs of collapse are explained in `collapse`; `coarse_purity` is measured every few
    epochs. `waiting_share` is the share of time in which the network waited for views.
    """

    epoch: int
    loss: float
    chance_loss: float
    feature_std: float
    coarse_purity: float | None
    learning_rate: float
    seconds: float
    samples_per_s: float
    waiting_share: float


@dataclass
class PretrainState:
    """Model, optimiser and counts; schedules, batches and views follow from the counts."""

    model: MoCo
    optimizer: Optimizer
    epoch: int = 0
    step: int = 0
    history: list[PretrainReport] = field(default_factory=list)

    @classmethod
    def first(
        cls, network: nn.Module, n_samples: int, config: MocoConfig, *, seed: int, device: str
    ) -> PretrainState:
        """Return the state before the first epoch; heads are drawn from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = MoCo(network, config, queue_length=min(config.queue, n_samples // 2))
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(model, make_optimizer(model, config))

    def save(self) -> Saved:
        """Return a copy; only meaningful at the boundary of an epoch."""
        tensors = prefixed("model", self.model.state_dict())
        tensors |= prefixed("optimizer", self.optimizer.tensors())
        history = [asdict(report) for report in self.history]
        return Saved.copied(tensors, {"epoch": self.epoch, "step": self.step, "history": history})

    def load(self, saved: Saved) -> None:
        """Become the state that was saved."""
        self.model.load_state_dict(under("model", saved.tensors))
        self.optimizer.load(under("optimizer", saved.tensors))
        self.epoch, self.step = saved.numbers["epoch"], saved.numbers["step"]
        self.history = [PretrainReport(**report) for report in saved.numbers["history"]]


class Probe:
    """Some labelled samples, always the same, on which coarse purity is measured.

    Parameters
    ----------
    samples, views, coarse
        As in `pretrain`.
    device
        A torch device.

    Attributes
    ----------
    chance
        Purity of features that say nothing.
    """

    def __init__(
        self, samples: NDArray[Any], views: Views, coarse: IntArray, *, device: str
    ) -> None:
        rows = probed_rows(coarse)
        self._samples, self._views, self._device, self._rows = samples, views, device, rows
        self._coarse = torch.from_numpy(coarse[rows]).to(device)
        self.chance = purity_by_chance(coarse[rows])

    @torch.no_grad()
    def purity(self, network: nn.Module) -> float | None:
        """Return the coarse purity of a network's clean features; its norms are not moved."""
        batch = torch.from_numpy(np.asarray(self._samples[self._rows])).to(self._device)
        training = network.training
        network.eval()
        parts = torch.split(self._views.clean(batch), PROBED_AT_ONCE)
        features = torch.cat([network(part) for part in parts])
        network.train(training)
        return coarse_purity(features, self._coarse)


def probed_rows(coarse: IntArray) -> IntArray:
    """Return some rows with a label in order, always the same ones."""
    labelled = np.flatnonzero(coarse != UNLABELLED)
    return np.sort(np.random.default_rng(0).permutation(labelled)[:PROBED_ROWS])


def purity_by_chance(coarse: IntArray) -> float:
    """Return the coarse purity of neighborhoods that say nothing; 0 without rows."""
    shares = np.bincount(coarse) / max(1, len(coarse))
    return float((shares**2).sum())


def run_digest(
    samples: NDArray[Any], coarse: IntArray, network: nn.Module, config: MocoConfig, seed: int
) -> str:
    """Return a sha256 over all that determines a training, as hex."""
    digest = hashlib.sha256(f"moco/2 {seed} {config.model_dump_json()} {network}".encode())
    for array in (samples, coarse):
        digest.update(f"{array.shape}{array.dtype}".encode())
        step = max(1, PIECE_BYTES // max(1, array[:1].nbytes))
        for first in range(0, len(array), step):
            digest.update(np.ascontiguousarray(array[first : first + step]).data)
    for name, weight in network.state_dict().items():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
