"""The teacher: an exponential moving average of the student with a warm-up of its momentum.

Place: `torch.optim.swa_utils.AveragedModel` with our averaging function, as in its `get_ema_*`
family. Buffers (running statistics, where an encoder has them) are copied from the student, and
the teacher is in evaluation mode: it uses these statistics and never moves them, other than in the
released code, where its forward passes run in training mode on shared buffers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from falcon_svc.core.schedules import ema_momentum


def make_teacher(student: nn.Module, momentum: float) -> AveragedModel:
    """Return a teacher equal to the student; `update_parameters(student)` after every step.

    Parameters
    ----------
    student
        The module to follow.
    momentum
        The g in [0, 1); the first update copies, the n-th moves by ``1 - min(g, (1+n)/(10+n))``.

    Returns
    -------
    AveragedModel
        The moving average of the student.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import make_teacher
    >>> student = torch.nn.Linear(3, 2)
    >>> torch.equal(make_teacher(student, momentum=0.99).module.weight, student.weight)
    True
    """
    teacher = AveragedModel(student, multi_avg_fn=_warm_ema(momentum))
    return teacher.requires_grad_(False).eval()


def _warm_ema(momentum: float) -> Callable[[Any, Any, Any], None]:
    @torch.no_grad()
    def average(averaged: list[Tensor], current: list[Tensor], n_updates: Tensor | int) -> None:
        share = 1 - ema_momentum(int(n_updates), momentum)
        torch._foreach_lerp_(averaged, current, share)

    return average
