"""Several processes as one: keys gathered, batch statistics joint, gradients averaged.

Place: under `moco` and `pretrain`, which read the same with one process as with many. Processes
are started by torchrun, or by `moco_processes` on this machine. With batches of equal size on every
process, loss, gradients and running statistics are those of one process with the joint batch.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel


def is_joint() -> bool:
    """Return whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """Return this process's number; 0 when it is alone."""
    return dist.get_rank() if is_joint() else 0


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if is_joint() else 1


@torch.no_grad()
def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, (world size * B, ...), in the order of their ranks."""
    if not is_joint():
        return rows
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def first_row(n_rows: int) -> int:
    """Return where this process's rows begin among the gathered ones."""
    return rank() * n_rows


def mean_of(value: Tensor) -> Tensor:
    """Return the mean of a number over all processes."""
    return _summed(value) / world_size() if is_joint() else value


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the processes that torchrun started, if it did; yield this process's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or is_joint():
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


@contextmanager
def first_one_first() -> Iterator[None]:
    """Let the first process do something before the others do it."""
    if is_joint() and rank() > 0:
        dist.barrier()
    yield
    if is_joint() and rank() == 0:
        dist.barrier()


def shared(model: nn.Module) -> nn.Module:
    """Return the model with joint batch statistics and averaged gradients, where processes share.

    The model's own norms are exchanged in place, so that its parameters stay the same objects.
    """
    if not is_joint():
        return model
    use_joint_statistics(model)
    with warnings.catch_warnings():  # the argument's new name is not in older torch
        warnings.filterwarnings("ignore", message="`broadcast_buffers` is deprecated")
        return DistributedDataParallel(model, broadcast_buffers=False)


def use_joint_statistics(model: nn.Module) -> None:
    """Let every batch norm of a model see the batch of all processes."""
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = JointBatchNorm


class JointBatchNorm(_BatchNorm):
    """Batch norm over the rows of all processes, with gradients through the joint statistics.

    torch's own (`SyncBatchNorm`) works on GPUs only. In evaluation it is a plain batch norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised batch (B, C, ...)."""
        if not self.training:
            return super().forward(x)
        axes = [0, *range(2, x.ndim)]
        values = x.float()
        count = values.numel() / values.shape[1] * world_size()
        sums = torch.stack([values.sum(axes), values.square().sum(axes)])  # (2, C)
        mean, square = _joint_sum(sums) / count
        variance = (square - mean.square()).clamp_min(0)
        self._track(mean, variance * count / (count - 1))
        shape = [1, -1, *[1] * (x.ndim - 2)]
        scale = (variance + self.eps).rsqrt()
        y: Tensor = (values - mean.view(shape)) * scale.view(shape)
        if self.weight is not None:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of axes."""

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, if there are any."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.momentum is not None and self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class _JointSum(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all processes' too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return _summed(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


# `apply` is typed in some releases of torch only; a name with a type of its own serves them all.
_joint_sum: Callable[[Tensor], Tensor] = _JointSum.apply


def _summed(x: Tensor) -> Tensor:
    total = x.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total
