r"""The loop: student, teacher, neighbors and relation in turn.

Place: after `core.losses` this is the file to read; `_train_epoch` is the method. Source: FALCON
(ICML 2024), algorithm 1. Each step moves the student by

.. math:: w_c L_{coarse} + w_n L_{neighbor} + w_f L_{confidence} + w_b L_{balance},

moves the teacher after it, and every few steps solves for each source's relation.

What a sample looks like is `samples`' business: cached features for a head (`train_head`), views
of images where the encoder is trained too (`falcon_svc.joint`).

Deviations from the paper: unless `fresh_neighbors` is set, neighbors' teacher predictions come
from a memory at most one epoch old (`teacher_memory`); batches are evened out rather than the last
one being short; the window of affinities goes on over epochs; neighbors may be searched again.

Shapes: B batch, F fine classes, M most children, L sampled neighbors.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from falcon_svc.checkpoint import CheckpointStore, Saved
from falcon_svc.core import (
    balance_loss,
    coarse_loss,
    confidence_loss,
    confidence_target,
    neighbor_loss,
    probabilities,
    soft_weight,
    take_children,
)
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.discovery.training.head_start import HeadStart
from falcon_svc.discovery.training.samples import (
    FrozenFeatures,
    TrainSamples,
    sample_neighbors,
    shuffled_batches,
)
from falcon_svc.discovery.training.setup import TrainInputs, first_head, make_state, run_digest
from falcon_svc.discovery.training.state import SourceState, TrainState
from falcon_svc.discovery.training.trained_head import TrainedHead, finish
from falcon_svc.errors import DivergedError
from falcon_svc.threads import threads_for
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors

MOST_RETRIES = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refresh:
    """A search for neighbors by what the teacher makes of the samples, every `every` epochs."""

    every: int
    search: Callable[[nn.Module], tuple[Neighbors, ...]]

    def is_due(self, epoch: int) -> bool:
        """Whether neighbors are searched before this epoch, counted from 0."""
        return epoch > 0 and epoch % self.every == 0

    def renew(self, state: TrainState) -> None:
        """Exchange the neighbors of all sources."""
        for source, found in zip(state.sources, self.search(state.teacher.module), strict=True):
            source.change_neighbors(found)
        state.renewed = True


@dataclass(frozen=True, eq=False)
class _Seen:
    """A batch: row numbers (B,), the student's and the teacher's log-probabilities (B, F)."""

    rows: Tensor
    log_prob: Tensor
    teacher_log_prob: Tensor


class _NotFiniteError(ArithmeticError):
    """A loss or an affinity is NaN or infinite."""


def train_head(
    features: FloatArray,
    sources: tuple[LabelSource, ...],
    neighbors: tuple[Neighbors, ...],
    start: HeadStart,
    config: TrainConfig,
    *,
    seed: int,
    device: str = "cpu",
    fine_prior: FloatArray | None = None,
    size_targets: tuple[IntArray | None, ...] | None = None,
    checkpoints: CheckpointStore | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> TrainedHead:
    """Train a head that tells fine classes apart, from coarse labels alone.

    Parameters
    ----------
    features
        (N, D) float32, possibly a read-only memory map.
    sources, neighbors
        Label sources and the neighbors searched with each (among samples of the same `cells`);
        samples without a label anywhere teach nothing.
    start
        First class vectors and relations.
    config
        Losses, weights, schedule.
    seed
        Seed of batches and sampled neighbors. Same seed, same machine, same bytes.
    device
        A torch device that features, labels and neighbors fit on.
    fine_prior
        (F,) expected shares of the fine classes; None = equal.
    size_targets
        Per source (C,) wanted numbers of fine classes, or None for an even share.
    checkpoints
        Where to save after every epoch and to go on from; None = nowhere.
    on_epoch
        Called with the report of every epoch that is trained here.

    Raises
    ------
    DivergedError
        The loss stopped being finite and twice halving the learning rate did not help.
    StorageError
        The checkpoints cannot be written or belong to another run.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = TrainInputs(
        samples=FrozenFeatures(features, device),
        student=first_head(start, config, generator),
        sources=sources,
        neighbors=neighbors,
        relations=start.relations,
        config=config,
        fine_prior=fine_prior,
        size_targets=size_targets or (None,) * len(sources),
        seed=seed,
        wishes=start.wishes,
    )
    n_rows = min(len(features), config.batch_size)
    with threads_for(2 * n_rows * start.weight.size):
        return train(inputs, generator, checkpoints=checkpoints, on_epoch=on_epoch)


def train(
    inputs: TrainInputs,
    generator: torch.Generator,
    *,
    refresh: Refresh | None = None,
    checkpoints: CheckpointStore | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> TrainedHead:
    """Train whatever gives logits of samples; see `train_head` for the other parameters.

    Parameters
    ----------
    inputs
        Samples, first student, labels, settings.
    generator
        Draws batches, views and neighbors.
    refresh
        When and how neighbors are searched again; None = never.
    """
    config, samples = inputs.config, inputs.samples
    digest = run_digest(inputs) if checkpoints is not None else ""
    state = make_state(inputs, generator)
    shares = inputs.fine_prior
    prior = None if shares is None else torch.from_numpy(shares.copy()).to(samples.device)
    good = _resumed(state, checkpoints, digest)
    while state.epoch < config.epochs:
        if refresh is not None and refresh.is_due(state.epoch):
            refresh.renew(state)
        try:
            report = _train_epoch(state, samples, config, prior)
        except _NotFiniteError:
            _retry(state, good)
            continue
        good = state.save()
        if checkpoints is not None:
            checkpoints.save(digest, state.epoch, good)
        if on_epoch is not None:
            on_epoch(report)
    return finish(state, samples, config)


def _resumed(state: TrainState, checkpoints: CheckpointStore | None, digest: str) -> Saved:
    """Go on from the newest checkpoint, if there is one; return the state to go back to."""
    first = state.save()
    saved = None if checkpoints is None else checkpoints.load(digest, like=first)
    if saved is None:
        return first
    state.load(saved)
    return saved


def _train_epoch(
    state: TrainState, samples: TrainSamples, config: TrainConfig, prior: Tensor | None
) -> EpochReport:
    """Train on every sample that has a label once."""
    began, solves = time.perf_counter(), list[tuple[int, float]]()
    rate = state.set_learning_rate(config)
    soft = soft_weight(state.epoch, config.soft_epochs)
    sums = torch.zeros(4, device=samples.device)
    if not config.fresh_neighbors:
        state.renew_memories(samples)
    trained = state.trained_rows()
    batches = shuffled_batches(trained, config.batch_size, state.generator)
    for rows in batches:  # (B,)
        strong, weak = samples.views(rows, state.generator)
        log_prob = torch.log_softmax(state.student(strong), dim=1)  # (B, F)
        with torch.no_grad():
            teacher_log_prob = torch.log_softmax(state.teacher(weak), dim=1)  # (B, F)

        seen = _Seen(rows, log_prob, teacher_log_prob)
        losses = _source_losses(state, seen, samples, config, soft=soft)
        coarse, neighbor, confidence = losses
        balance = balance_loss(log_prob, prior)
        loss = (
            config.weight_coarse * coarse
            + config.weight_neighbor * neighbor
            + config.weight_confidence * confidence
            + config.weight_balance * balance
        )
        state.optimizer.zero_grad()
        loss.backward()
        state.optimizer.step()
        state.teacher.update_parameters(state.student)

        state.step += 1
        if state.step % config.solve_every == 0:
            solves.append(_solve(state, config))
        sums += torch.cat([losses, balance[None]]).detach()
    means = sums / len(batches)
    return _end_epoch(state, means, len(trained), rate=rate, soft=soft, solves=solves, began=began)


def _source_losses(
    state: TrainState, seen: _Seen, samples: TrainSamples, config: TrainConfig, *, soft: float
) -> Tensor:
    """Return the means (3,) of coarse, neighbor and confidence loss over (sample, source) pairs.

    On the way each source's memory and window take in what the teacher says.
    """
    parts = []
    for source in state.sources:
        part = source.labelled(seen.rows)
        mine = seen.rows[part]  # (B',) samples that this source labels
        coarse = source.coarse[mine]
        child = take_children(seen.log_prob[part], coarse, source.children)  # (B', M)
        teacher_child = take_children(seen.teacher_log_prob[part], coarse, source.children)
        source.memory.write(mine, teacher_child)
        source.observe(source.window, probabilities(seen.teacher_log_prob[part]), coarse)
        near = sample_neighbors(
            source.neighbors, mine, config.sampled_neighbors, state.generator
        )  # (B', L)
        if config.fresh_neighbors:
            near_log_prob = _forward_neighbors(state, source, samples, near)  # (B', L, M)
        else:
            near_log_prob = source.memory.read(near)
        target = confidence_target(
            teacher_child, temperature=config.label_temperature, soft_weight=soft
        )
        losses = (
            coarse_loss(child),
            neighbor_loss(child, near_log_prob),
            confidence_loss(child, target),
        )
        parts.append(torch.stack(losses))
    return torch.cat(parts, dim=1).mean(dim=1)


@torch.no_grad()
def _forward_neighbors(
    state: TrainState, source: SourceState, samples: TrainSamples, near: Tensor
) -> Tensor:
    """Ask the teacher about neighbors (B, L): log-probabilities (B, L, M) over the children."""
    flat = near.flatten()
    scores = state.teacher(samples.weak(flat, state.generator))  # (B * L, F)
    child = take_children(scores, source.coarse[flat], source.children)
    return torch.log_softmax(child, dim=1).view(*near.shape, -1)


def _solve(state: TrainState, config: TrainConfig) -> tuple[int, float]:
    """Solve for every source's relation; return how many changed, and the seconds it took."""
    changes, began = 0, time.perf_counter()
    for source in state.sources:
        _demand_finite(float(source.window.sums.sum()))
        before = source.relation
        source.solve(
            state.sources[0],
            balance=config.balance_at(state.epoch),
            time_limit_s=config.solve_limit_s,
        )
        changes += source.relation is not before
    return changes, time.perf_counter() - began


def _demand_finite(value: float) -> None:
    if not math.isfinite(value):
        raise _NotFiniteError


def _end_epoch(
    state: TrainState,
    means: Tensor,
    n_rows: int,
    *,
    rate: float,
    soft: float,
    solves: list[tuple[int, float]],
    began: float,
) -> EpochReport:
    """Count the epoch and report it, if its losses are finite."""
    coarse, neighbor, confidence, balance = means.tolist()
    _demand_finite(coarse + neighbor + confidence + balance)
    state.epoch += 1
    seconds = time.perf_counter() - began
    report = EpochReport(
        epoch=state.epoch,
        coarse_loss=coarse,
        neighbor_loss=neighbor,
        confidence_loss=confidence,
        balance_loss=balance,
        learning_rate=rate,
        soft_weight=soft,
        relation_changes=sum(changes for changes, _ in solves),
        relation_seconds=sum((spent for _, spent in solves), 0.0),
        seconds=seconds,
        samples_per_s=n_rows / seconds,
    )
    state.history.append(asdict(report))
    return report


def _retry(state: TrainState, good: Saved) -> None:
    """Go back to the last finite epoch and halve the learning rate, at most twice."""
    retries = state.retries + 1
    if retries > MOST_RETRIES:
        raise DivergedError(
            f"Training needs finite losses, but they were not in epoch {state.epoch + 1}, and "
            f"halving the learning rate {MOST_RETRIES} times did not help; lower learning_rate "
            "or scale the features down."
        ) from None
    _log.warning("epoch %d: loss not finite; back, with half the rate", state.epoch + 1)
    state.load(good)
    state.retries = retries
