"""Adam and SGD by torch's own kernels, without torch's compiler.

The classes of `torch.optim` load the compiler before their first step, only to tell it to leave
the step alone: as much work as training a head on some thousand samples. These call the functions
that the steps of those classes call, with the same settings: same bits, as a test holds.

Source: Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019 (decay beside the moments).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

Group = dict[str, Any]
"""``params``, the weights; ``lr``, their learning rate; ``weight_decay``, 0 where none is named;
and what else the owner puts there."""

Tensors = list[Tensor]

BETAS, EPSILON = (0.9, 0.999), 1e-8
MOMENTUM = 0.9


class Optimizer:
    """Weights in groups, each with a learning rate of its own, and what each is moved by.

    Parameters
    ----------
    groups
        Each at least with ``params``.
    rate
        Learning rate > 0 of groups that name none.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import Adam
    >>> sorted(Adam([{"params": [torch.ones(3)]}], 0.25).tensors())
    ['0.0.exp_avg', '0.0.exp_avg_sq', '0.0.step']
    """

    MOMENTS: Mapping[str, bool]
    """Name of a moment -> whether it is a single number, the count of steps."""

    def __init__(self, groups: Sequence[Group], rate: float) -> None:
        usual = {"lr": rate, "weight_decay": 0.0}
        self.param_groups: list[Group] = [{**usual, **group} for group in groups]
        self._moments = [
            {name: [_zero(w, single) for w in group["params"]] for name, single in self._names()}
            for group in self.param_groups
        ]

    def _names(self) -> Sequence[tuple[str, bool]]:
        return tuple(self.MOMENTS.items())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        for group, moments in zip(self.param_groups, self._moments, strict=True):
            moved = [j for j, weight in enumerate(group["params"]) if weight.grad is not None]
            weights = [group["params"][j] for j in moved]
            own = {name: [every[j] for j in moved] for name, every in moments.items()}
            self._move(weights, [weight.grad for weight in weights], own, group)

    def _move(
        self, weights: Tensors, grads: Tensors, own: dict[str, Tensors], group: Group
    ) -> None:
        raise NotImplementedError

    def tensors(self) -> dict[str, Tensor]:
        """Return the moments.

        Returns
        -------
        dict
            ``GROUP.WEIGHT.NAME`` -> moment, which goes on changing.
        """
        return {
            f"{i}.{j}.{name}": moment
            for i, moments in enumerate(self._moments)
            for name, every in moments.items()
            for j, moment in enumerate(every)
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over moments.

        Parameters
        ----------
        tensors
            As `tensors` returned them, of their weights' shapes, such as (F, D).
        """
        for name, moment in self.tensors().items():
            moment.copy_(tensors[name])


class Adam(Optimizer):
    """Adam.

    Parameters
    ----------
    groups
        As of `Optimizer`.
    rate
        Learning rate > 0 of groups that name none.
    weight_decay
        >= 0, of the weights themselves, in groups that name none; 0 is plain Adam.
    betas
        In [0, 1): how much of the mean gradient and of its mean square a step keeps.
    fused
        False takes the kernels of a step one by one, as torch does where nothing is said: other
        last bits.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import Adam
    >>> weight = torch.ones(1, requires_grad=True)
    >>> optimizer = Adam([{"params": [weight]}], 0.25)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.tolist()
    [0.75]
    """

    MOMENTS: Mapping[str, bool] = {"exp_avg": False, "exp_avg_sq": False, "step": True}

    def __init__(
        self,
        groups: Sequence[Group],
        rate: float,
        *,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = BETAS,
        fused: bool = True,
    ) -> None:
        super().__init__([{"weight_decay": weight_decay, **group} for group in groups], rate)
        self._betas, self._fused = betas, fused

    def _move(
        self, weights: Tensors, grads: Tensors, own: dict[str, Tensors], group: Group
    ) -> None:
        adam(
            *(weights, grads, own["exp_avg"], own["exp_avg_sq"], [], own["step"]),
            fused=self._fused,
            foreach=False,
            decoupled_weight_decay=group["weight_decay"] > 0,
            amsgrad=False,
            beta1=self._betas[0],
            beta2=self._betas[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )


class SGD(Optimizer):
    """Stochastic gradient descent with a momentum of 0.9; parameters as of `Optimizer`.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import SGD
    >>> weight = torch.ones(1, requires_grad=True)
    >>> optimizer = SGD([{"params": [weight]}], 0.25)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.tolist()
    [0.75]
    """

    MOMENTS: Mapping[str, bool] = {"momentum_buffer": False}

    def _move(
        self, weights: Tensors, grads: Tensors, own: dict[str, Tensors], group: Group
    ) -> None:
        sgd(
            *(weights, grads, list[Tensor | None](own["momentum_buffer"])),
            fused=True,
            weight_decay=group["weight_decay"],
            momentum=MOMENTUM,
            lr=group["lr"],
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


def _zero(weight: Tensor, single: bool) -> Tensor:
    return torch.zeros((), device=weight.device) if single else torch.zeros_like(weight)
