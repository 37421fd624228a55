"""Heads on frozen features: linear, MLP and prototype, all startable from given class vectors.

Place: what `discovery.training.trainer` trains. Every head is a module whose state is plain
tensors (safetensors holds it) and which, before the first step, scores a class by the class
vector and bias it was given, so that one warm start serves all of them. ``head(x)`` is
``head.scores(head.inputs(x), all classes)``; `scores` of a few classes costs no more than they do.

Shapes: B batch, D feature dimensions, F fine classes, H hidden units.
"""

from __future__ import annotations

from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from falcon_svc.types import HeadKind

HEAD_KINDS: tuple[str, ...] = get_args(HeadKind)
EVERY = slice(None)


class LinearHead(nn.Module):
    """``W x + b``: the head of the paper."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())  # (F, D)
        self.bias = nn.Parameter(bias.clone())  # (F,)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, F) logits of (B, D) features."""
        return self.scores(x, EVERY)

    def inputs(self, x: Tensor) -> Tensor:
        """Return the features (B, D) as they are: no encoder lies before this head."""
        return x

    def scores(self, x: Tensor, classes: Tensor | slice) -> Tensor:
        """Return the logits of some of the classes."""
        return F.linear(x, self.weight[classes], self.bias[classes])


class MLPHead(LinearHead):
    """``W (x + V relu(U x + u)) + b``: linear at first (V = 0), curved by training."""

    def __init__(self, weight: Tensor, bias: Tensor, *, hidden: int, generator: torch.Generator):
        super().__init__(weight, bias)
        dim = weight.shape[1]
        draw = torch.randn(hidden, dim, generator=generator) * (2 / dim) ** 0.5
        self.inner = nn.Parameter(draw.to(weight))  # U (H, D)
        self.inner_bias = nn.Parameter(weight.new_zeros(hidden))  # u (H,)
        self.outer = nn.Parameter(weight.new_zeros(dim, hidden))  # V (D, H)

    def scores(self, x: Tensor, classes: Tensor | slice) -> Tensor:
        """Return the logits of some of the classes."""
        curved = F.linear(F.relu(F.linear(x, self.inner, self.inner_bias)), self.outer)
        return super().scores(x + curved, classes)


class PrototypeHead(LinearHead):
    """``(cos(W, x) + b) / temperature``, the temperature learned as its logarithm or fixed.

    At first ``b = bias / |W|``, so that with unit rows and one length of the class vectors its
    decisions are those of the linear head ``W x + bias``.
    """

    def __init__(self, weight: Tensor, bias: Tensor, *, temperature: float, learned: bool) -> None:
        length = torch.linalg.vector_norm(weight, dim=1)
        super().__init__(weight, bias / length.clamp_min(torch.finfo(weight.dtype).tiny))
        log_temperature = weight.new_tensor(temperature).log()
        self.log_temperature = nn.Parameter(log_temperature, requires_grad=learned)

    def scores(self, x: Tensor, classes: Tensor | slice) -> Tensor:
        """Return the logits of some of the classes."""
        prototypes = F.normalize(self.weight[classes], dim=1)
        cosine = F.linear(F.normalize(x, dim=1), prototypes, self.bias[classes])
        return cosine * torch.exp(-self.log_temperature)


def make_head(
    kind: HeadKind,
    weight: Tensor,
    bias: Tensor,
    *,
    hidden: int,
    temperature: float,
    learned_temperature: bool,
    generator: torch.Generator,
) -> nn.Module:
    """Return a head that starts from class vectors.

    Parameters
    ----------
    kind
        ``"linear"``, ``"mlp"`` or ``"prototype"``.
    weight, bias
        (F, D) and (F,) floats, copied.
    hidden
        H, the hidden units of the MLP, >= 1; the other kinds do not use it.
    temperature, learned_temperature
        Temperature of the prototype head, > 0, and whether it is trained.
    generator
        Draws the hidden layer of the MLP.

    Returns
    -------
    Module
        Maps (B, D) floats to (B, F) logits.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import make_head
    >>> rest = {"hidden": 0, "temperature": 1.0, "learned_temperature": False}
    >>> rest["generator"] = torch.Generator()
    >>> head = make_head("linear", torch.eye(3), torch.zeros(3), **rest)
    >>> head(torch.ones(1, 3)).tolist()
    [[1.0, 1.0, 1.0]]
    """
    if kind == "mlp":
        return MLPHead(weight, bias, hidden=hidden, generator=generator)
    if kind == "prototype":
        return PrototypeHead(weight, bias, temperature=temperature, learned=learned_temperature)
    return LinearHead(weight, bias)
