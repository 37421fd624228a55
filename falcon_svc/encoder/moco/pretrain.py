"""The loop of self-supervised pre-training: two views, loss, step, keys after it.

Place: after `moco` this is the file to read; `_train_epoch` is the method. Knows nothing of
images: samples are rows of an array, `Views` makes tensors of them. Under torchrun every process
runs this loop on its share of each batch, and the first one writes checkpoints. A run that finds
a checkpoint of its own data, settings and seed goes on from it to the same weights, bit for bit
on one machine.

Shapes: B batch of this process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.encoder.moco.batches import Batches
from falcon_svc.encoder.moco.collapse import check_health
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.distributed import mean_of, rank, shared, world_size
from falcon_svc.encoder.moco.optim import key_momentum, learning_rate, set_learning_rate
from falcon_svc.encoder.moco.pretrain_state import PretrainReport, PretrainState, Probe, run_digest
from falcon_svc.encoder.views.image_views import Views
from falcon_svc.errors import DivergedError
from falcon_svc.types import IntArray

PROBE_EVERY = 5
"""Epochs between measurements of coarse purity."""
SETTLING_STEPS = 200
"""Steps in which a training may look collapsed."""


def pretrain(
    samples: NDArray[Any],
    views: Views,
    network: nn.Module,
    coarse: IntArray,
    config: MocoConfig,
    *,
    seed: int,
    device: str = "cpu",
    work_dir: Path | None = None,
    on_epoch: Callable[[PretrainReport], None] | None = None,
) -> tuple[PretrainReport, ...]:
    """Train a network on random views of samples, in place.

    Parameters
    ----------
    samples
        (N, ...), possibly a memory map; `views` understands its rows.
    network
        (B, ...) -> (B, network.dim).
    coarse
        (N,) coarse labels, -1 unknown: a sign of collapse, and part of the loss where
        `coarse_weight` > 0.
    config
        Loss, schedule, optimiser.
    seed
        Seed of heads, batches and views.
    device
        A torch device.
    work_dir
        Where checkpoints are saved after every epoch, and where to go on from; None = nowhere.
    on_epoch
        Called with the report of every epoch that is trained here.

    Returns
    -------
    tuple
        The reports of all epochs.

    Raises
    ------
    CollapsedError, DivergedError
        Training goes nowhere.
    StorageError
        Checkpoints cannot be written, or are of another run.
    """
    store = None if work_dir is None else CheckpointStore(work_dir / "checkpoints")
    digest = run_digest(samples, coarse, network, config, seed) if store else ""
    state = PretrainState.first(network, len(samples), config, seed=seed, device=device)
    if store is not None and (saved := store.load(digest, like=state.save())) is not None:
        state.load(saved)
    batches = _batches(samples, views, config, seed, device)
    labels = torch.tensor(coarse, device=device)
    probe = Probe(samples, views, coarse, device=device)
    trained = shared(state.model)
    while state.epoch < config.epochs:
        report = _train_epoch(state, trained, batches, labels, config)
        if report.epoch % PROBE_EVERY == 0 or report.epoch == config.epochs:
            report = replace(report, coarse_purity=probe.purity(network))
        state.history.append(report)
        _demand_health(state, config, probe)
        if store is not None and rank() == 0:
            store.save(digest, state.epoch, state.save())
        if on_epoch is not None:
            on_epoch(report)
    return tuple(state.history)


def _batches(
    samples: NDArray[Any], views: Views, config: MocoConfig, seed: int, device: str
) -> Batches:
    """Return this process's share of batches, each sample in two views."""
    return Batches(
        samples,
        lambda batch, generator: _channels_last(views.two(batch, generator)),
        batch_size=config.batch_size,
        seed=seed,
        device=torch.device(device),
        rank=rank(),
        world_size=world_size(),
    )


def _demand_health(state: PretrainState, config: MocoConfig, probe: Probe) -> None:
    """Raise CollapsedError where the epochs so far look it, once training has settled."""
    settled = max(config.warmup, math.ceil(SETTLING_STEPS * state.epoch / state.step))
    told = [asdict(report) for report in state.history]
    check_health(told, grace=settled, chance_purity=probe.chance)


def _train_epoch(
    state: PretrainState, trained: nn.Module, batches: Batches, labels: Tensor, config: MocoConfig
) -> PretrainReport:
    """Train on every sample once and report it."""
    per_epoch, signs, rate = math.ceil(len(batches) / config.accumulate), [], 0.0
    state.model.train()
    for number, batch in enumerate(batches.epoch(state.epoch), 1):
        complete = number % config.accumulate == 0 or number == len(batches)
        with _precision(config, labels.device), _exchange(trained, complete):
            loss = trained(*batch.views, labels[batch.rows])
            (loss / config.accumulate).backward()
        signs.append(torch.stack([loss.detach(), *state.model.signs]))
        if complete:
            rate = _step(state, config, per_epoch)
    state.epoch += 1
    loss, chance, std = mean_of(torch.stack(signs).mean(dim=0)).tolist()
    if not math.isfinite(loss):
        raise DivergedError(
            f"Pre-training needs finite losses, but they were not in epoch {state.epoch}; lower "
            "encoder.moco.learning_rate."
        )
    return PretrainReport(
        epoch=state.epoch,
        loss=loss,
        chance_loss=chance,
        feature_std=std,
        coarse_purity=None,
        learning_rate=rate,
        seconds=batches.flow.seconds,
        samples_per_s=batches.flow.samples_per_s * world_size(),
        waiting_share=batches.flow.waiting_share,
    )


def _step(state: PretrainState, config: MocoConfig, per_epoch: int) -> float:
    """Move the network, then the keys' network after it; return the learning rate."""
    steps, warmup = config.epochs * per_epoch, config.warmup * per_epoch
    rate = learning_rate(state.step, steps=steps, warmup=warmup, peak=config.peak_rate)
    set_learning_rate(state.optimizer, rate)
    state.optimizer.step()
    state.optimizer.zero_grad()
    state.model.move_keys(key_momentum(state.step, steps=steps, start=config.momentum))
    state.step += 1
    return rate


def _exchange(trained: nn.Module, complete: bool) -> AbstractContextManager[None]:
    """Let processes exchange gradients only with the last batch of a step."""
    if complete or not isinstance(trained, DistributedDataParallel):
        return nullcontext()
    return trained.no_sync()


def _precision(config: MocoConfig, device: torch.device) -> AbstractContextManager[Any]:
    """Compute in bfloat16 where asked for, or where the processor does."""
    half = config.precision == "bf16" or (config.precision == "auto" and _has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


def _channels_last(views: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Lay images out as convolutions read them fastest; other samples stay as they are."""
    return tuple(
        v.contiguous(memory_format=torch.channels_last) if v.ndim == 4 else v for v in views
    )


@cache
def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # not in older torch
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))
