"""What changes over training: softness of pseudo-labels, momentum of the teacher, learning rate.

Place: numbers for `discovery.training.trainer`; pure functions of time, so that a resumed run
has no schedule to restore. Source: FALCON (ICML 2024), section 4 and its released code, from
which the first two are known. The learning rates equal those of `torch.optim.lr_scheduler`.
"""

from __future__ import annotations

import math

from falcon_svc.types import Decay


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

    Examples
    --------
    >>> from falcon_svc.core import soft_weight
    >>> soft_weight(0, 10), soft_weight(10, 10)
    (1.0, 0.0)
    """
    if epoch >= soft_epochs:
        return 0.0
    return 0.5 * (1 + math.cos(math.pi * epoch / soft_epochs))


def ema_momentum(n_updates: int, momentum: float) -> float:
    """Return the teacher's momentum after `n_updates` updates: ``min(g, (1 + n) / (10 + n))``.

    Parameters
    ----------
    n_updates
        Updates so far, >= 0.
    momentum
        The most that it becomes, g in [0, 1).

    Returns
    -------
    float
        In [0, g].

    Examples
    --------
    >>> from falcon_svc.core import ema_momentum
    >>> ema_momentum(0, 0.99), ema_momentum(10_000, 0.99)
    (0.1, 0.99)
    """
    return min(momentum, (1 + n_updates) / (10 + n_updates))


def learning_rate_share(
    epoch: int, epochs: int, *, decay: Decay, milestones: tuple[float, ...]
) -> float:
    """Return the learning rate of an epoch as a share of the first.

    Parameters
    ----------
    epoch
        In ``[0, epochs)``.
    epochs
        Length of training, >= 1.
    decay
        ``"step"``: x 0.1 at each milestone (the paper); ``"cosine"``: half a cosine from 1 to 0.
    milestones
        Shares of training in (0, 1), used by ``"step"``.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from falcon_svc.core import learning_rate_share
    >>> learning_rate_share(5, 10, decay="cosine", milestones=())
    0.5
    """
    if decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    passed = sum(epoch >= round(share * epochs) for share in milestones)
    return float(0.1**passed)
