"""What changes over training: softness of pseudo-labels, momentum of the teacher, learning rate.

Place: numbers for `falcon_svc.discovery.trainer`. Source: FALCON (ICML 2024), section 4 and its
released code, from which the first two are known.
"""

from __future__ import annotations

import math
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

Decay = Literal["step", "cosine"]


def soft_weight(epoch: int, soft_epochs: int) -> float:
    """Return the weight of soft against hard pseudo-labels: half a cosine from 1 to 0.

    Parameters
    ----------
    epoch
        From 0.
    soft_epochs
        Epochs until the labels are hard, >= 0.

    Returns
    -------
    float
        ``0.5 * (1 + cos(pi * epoch / soft_epochs))`` in [0, 1]; 0 from `soft_epochs` on.
    """
    if epoch >= soft_epochs:
        return 0.0
    return 0.5 * (1 + math.cos(math.pi * epoch / soft_epochs))


def ema_momentum(n_updates: int, momentum: float) -> float:
    """Return the teacher's momentum after `n_updates` updates: ``min(g, (1 + n) / (10 + n))``."""
    return min(momentum, (1 + n_updates) / (10 + n_updates))


def make_scheduler(
    optimizer: Optimizer, *, decay: Decay, epochs: int, milestones: tuple[float, ...]
) -> LRScheduler:
    """Return the learning rate schedule, stepped once an epoch.

    Parameters
    ----------
    optimizer
        Whose learning rate is moved.
    decay
        ``"step"``: x 0.1 at each milestone (the paper); ``"cosine"``: down to 0.
    epochs
        Length of training.
    milestones
        Shares of training in (0, 1), used by ``"step"``.
    """
    if decay == "cosine":
        return CosineAnnealingLR(optimizer, T_max=epochs)
    return MultiStepLR(optimizer, [round(share * epochs) for share in milestones], gamma=0.1)
