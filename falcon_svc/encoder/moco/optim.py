"""Optimisers and schedules of pre-training.

Place: numbers for `falcon_svc.encoder.moco.pretrain`; schedules are pure functions of the step, so
that a resumed run has none to restore. Sources: MoCo v3 (warm-up and cosine, momentum, no decay
and no adaptation for biases and norms); LARS (You, Gitman & Ginsburg, 2017).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from falcon_svc.core import SGD, Adam, Optimizer
from falcon_svc.core.optimizers import MOMENTUM, Group
from falcon_svc.encoder.moco.config import MocoConfig

TRUST = 0.02
"""LARS: step length as a share of a weight's length (solo-learn's recipe for small images)."""
_TINY = 1e-30


def learning_rate(step: int, *, steps: int, warmup: int, peak: float) -> float:
    """Return a step's learning rate: a line up to `peak`, then half a cosine to 0.

    Parameters
    ----------
    step
        In ``[0, steps)``.
    steps, warmup
        Steps of the whole training, and of its rise.
    peak
        Reached with step `warmup`.
    """
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def key_momentum(step: int, *, steps: int, start: float) -> float:
    """Return the momentum of the keys' network: half a cosine from `start` to 1."""
    return 1 - (1 - start) * 0.5 * (1 + math.cos(math.pi * step / steps))


def make_optimizer(model: nn.Module, config: MocoConfig) -> Optimizer:
    """Return the optimiser named by the settings; decay and adaptation are for matrices only."""
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.ndim > 1]
    vectors = [p for p in trained if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if config.optimizer == "adamw":
        return Adam(groups, config.learning_rate)
    if config.optimizer == "sgd":
        return SGD(groups, config.learning_rate)
    return Lars(groups, config.learning_rate)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


class Lars(Optimizer):
    r"""SGD with momentum whose gradients are scaled to each weight's length, and clipped.

    .. math::
        g' = (g + \beta w) \min\left(1, \frac{\eta |w|}{r (|g| + \beta |w|)}\right), \quad
        v \leftarrow m v + g', \quad w \leftarrow w - r v

    with rate r, decay beta, trust eta. Biases and norms (one axis or none) take plain SGD steps.

    Parameters
    ----------
    groups, rate
        As of `Optimizer`: ``weight_decay`` of a group is beta, m is 0.9.
    """

    MOMENTS: Mapping[str, bool] = {"velocity": False}

    def _move(
        self, weights: list[Tensor], grads: list[Any], own: dict[str, list[Tensor]], group: Group
    ) -> None:
        rate, decay = group["lr"], group["weight_decay"]
        for weight, grad, velocity in zip(weights, grads, own["velocity"], strict=True):
            change = grad.add(weight, alpha=decay)
            if weight.ndim > 1:
                change *= _scale(weight, grad, rate=rate, decay=decay)
            velocity.mul_(MOMENTUM).add_(change)
            weight.add_(velocity, alpha=-rate)


def _scale(weight: Tensor, grad: Tensor, *, rate: float, decay: float) -> Tensor:
    """Return by how much LARS shortens a gradient; 1 where weight or gradient is 0."""
    length, slope = weight.norm(), grad.norm()
    trusted = TRUST * length / (rate * (slope + decay * length)).clamp_min(_TINY)
    return torch.where((length > 0) & (slope > 0), trusted.clamp_max(1.0), torch.ones_like(length))
