"""Heads that score the nodes of a tree: linear, prototypes (HCAL) and class texts (HCCF).

Place: between features and a `NodeLoss`; made by `make_head`, trained by `train`. Their state is
plain tensors (safetensors holds it). Scores are computed as (O, B) and handed on as the
transpose, the layout in which losses are fastest.

Shapes: B batch, D inputs, H hidden units, N nodes, O outputs, E dimensions of an embedding.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from falcon_svc.hierarchy.losses.base import NodeLoss
from falcon_svc.hierarchy.losses.levels import HCAL, HCCF
from falcon_svc.hierarchy.losses.tree_tensors import TreeTensors

MAX_SCALE = 100.0
"""Largest factor of a cosine, as in CLIP."""


class LinearHead(nn.Module):
    """``W x + b``, 0 at first."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_outputs, n_inputs))  # (O, D)
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O) scores of (B, D) inputs."""
        return torch.addmm(self.bias[:, None], self.weight, x.T).T


class Hidden(nn.Module):
    """One layer of hidden units, ``relu(U x + u)``."""

    def __init__(self, n_inputs: int, n_hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        draw = torch.randn(n_hidden, n_inputs, generator=generator) * (2 / n_inputs) ** 0.5
        self.weight = nn.Parameter(draw)  # (H, D)
        self.bias = nn.Parameter(torch.zeros(n_hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, H)."""
        return F.relu(F.linear(x, self.weight, self.bias))


class PrototypeHead(nn.Module):
    r"""Cosines with one prototype per node, parents made of their children.

    .. math:: m_v = \mathrm{normalise}\left((1 - r)\,\mathrm{mean}_{c \in ch(v)} m_c + r u_v\right)
              \quad \text{for parents}, \qquad s_v = \hat z \cdot m_v / t + b_v

    Leaves' prototypes and the residuals u are free unit vectors; r in (0, 1) is learned. While
    it trains, every prototype is perturbed: :math:`normalise(m + \sigma e)`,
    :math:`e \sim N(0, I / E)`. HCAL's own formulas were not to be found; see
    `falcon_svc.hierarchy.losses.levels`.

    Parameters
    ----------
    tree
        The tree.
    n_inputs
        D; the embedding has as many dimensions and begins as the input itself.
    generator
        Draws prototypes and perturbations.
    temperature
        t > 0.
    noise
        :math:`\sigma \ge 0`.
    residual
        r at first, in (0, 1).
    """

    def __init__(
        self,
        tree: TreeTensors,
        n_inputs: int,
        generator: torch.Generator,
        *,
        temperature: float = 0.1,
        noise: float = 0.05,
        residual: float = 0.1,
    ) -> None:
        super().__init__()
        self.tree, self.temperature, self.noise = tree, temperature, noise
        self._generator = generator
        self.embedding = nn.Parameter(torch.eye(n_inputs))  # (E, D)
        self.own = nn.Parameter(_unit_rows(tree.n_nodes, n_inputs, generator))  # leaves' m, u
        self.residual = nn.Parameter(torch.tensor(residual).logit())
        self.bias = nn.Parameter(torch.zeros(tree.n_nodes - 1))
        n_children = torch.bincount(tree.parents[1:], minlength=tree.n_nodes)
        self._n_children = n_children.clamp_min(1)[:, None]

    def prototypes(self) -> Tensor:
        """Return (N, E) unit vectors, without perturbation."""
        own, share = F.normalize(self.own, dim=1), torch.sigmoid(self.residual)
        found = own
        for level in self.tree.levels[-2::-1]:
            sums = torch.zeros_like(own).index_add(0, self.tree.parents[1:], found[1:])
            mixed = F.normalize((1 - share) * sums / self._n_children + share * own, dim=1)
            inner = level[~self.tree.is_leaf[level]]
            found = found.index_copy(0, inner, mixed[inner])
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N - 1) scores of (B, D) inputs; perturbed while training."""
        prototypes = self.prototypes()[1:]
        if self.training and self.noise:
            drawn = torch.randn(prototypes.shape, generator=self._generator)
            scale = self.noise / math.sqrt(prototypes.shape[1])
            prototypes = F.normalize(prototypes + scale * drawn.to(prototypes), dim=1)
        embedded = F.normalize(F.linear(x, self.embedding), dim=1)
        return torch.addmm(self.bias[:, None], prototypes / self.temperature, embedded.T).T


class TextHead(nn.Module):
    r"""Cosines of one embedding per level with the texts of that level's classes.

    .. math:: s_v = \tau \cos(W_{depth(v)} x, G t_v)

    with one linear head W per level, one map G shared by all texts (the identity at first, in
    place of a text encoder that is trained too), and :math:`\tau` learned, at most 100.

    Parameters
    ----------
    tree
        The tree.
    n_inputs
        D.
    texts
        (N, E) text embedding of each node's class name; the root's row is not used.
    generator
        Draws the levels' heads.
    scale
        :math:`\tau` at first; CLIP's is 1 / 0.07.
    """

    def __init__(
        self,
        tree: TreeTensors,
        n_inputs: int,
        texts: Tensor,
        generator: torch.Generator,
        *,
        scale: float = 1 / 0.07,
    ) -> None:
        super().__init__()
        self.tree, n_dims = tree, texts.shape[1]
        shape = (tree.n_levels, n_dims, n_inputs)
        drawn = torch.randn(shape, generator=generator) / math.sqrt(n_inputs)
        self.levels = nn.Parameter(drawn)  # (L, E, D)
        self.text_map = nn.Parameter(torch.eye(n_dims))
        self.log_scale = nn.Parameter(torch.tensor(scale).log())
        self.register_buffer("texts", F.normalize(texts, dim=1))
        self._order = torch.cat(tree.levels[1:]).argsort()

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, N - 1) scores of (B, D) inputs."""
        texts = F.normalize(F.linear(self.get_buffer("texts"), self.text_map), dim=1)
        each = [
            texts[nodes] @ F.normalize(F.linear(x, self.levels[depth]), dim=1).T
            for depth, nodes in enumerate(self.tree.levels[1:])
        ]
        scale = self.log_scale.exp().clamp_max(MAX_SCALE)
        return (scale * torch.cat(each).index_select(0, self._order)).T


def make_head(
    loss: NodeLoss,
    n_inputs: int,
    generator: torch.Generator,
    *,
    hidden: int = 0,
    texts: Tensor | None = None,
) -> nn.Sequential:
    """Return the head that a loss is meant for, below it a hidden layer where asked.

    Parameters
    ----------
    loss
        HCAL gets prototypes, HCCF texts, all others a linear head.
    n_inputs
        D.
    generator
        Draws what is random.
    hidden
        Hidden units; 0 = none.
    texts
        (N, E) text embeddings, for HCCF.
    """
    below = [Hidden(n_inputs, hidden, generator)] if hidden else []
    width = hidden or n_inputs
    if isinstance(loss, HCAL):
        top: nn.Module = PrototypeHead(loss.tree, width, generator)
    elif isinstance(loss, HCCF):
        assert texts is not None, "the estimator asks for them"
        top = TextHead(loss.tree, width, texts, generator)
    else:
        top = LinearHead(width, len(loss.outputs))
    return nn.Sequential(*below, top)


def _unit_rows(n: int, n_dims: int, generator: torch.Generator) -> Tensor:
    return F.normalize(torch.randn(n, n_dims, generator=generator), dim=1)
