"""Pure torch maths: losses, schedules, heads, teacher; knows nothing of data, files or loops."""

from __future__ import annotations

from falcon_svc.core.ema import make_teacher
from falcon_svc.core.heads import HEAD_KINDS, make_head
from falcon_svc.core.losses import (
    balance_loss,
    coarse_loss,
    confidence_loss,
    confidence_target,
    neighbor_loss,
    probabilities,
)
from falcon_svc.core.optimizers import SGD, Adam, Optimizer
from falcon_svc.core.relation_ops import PAD, Children, children_of, take_children
from falcon_svc.core.schedules import ema_momentum, learning_rate_share, soft_weight

__all__ = [
    "HEAD_KINDS",
    "PAD",
    "SGD",
    "Adam",
    "Children",
    "Optimizer",
    "balance_loss",
    "children_of",
    "coarse_loss",
    "confidence_loss",
    "confidence_target",
    "ema_momentum",
    "learning_rate_share",
    "make_head",
    "make_teacher",
    "neighbor_loss",
    "probabilities",
    "soft_weight",
    "take_children",
]
