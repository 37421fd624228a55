r"""MoCo: a network learns to recognise a sample in another view of it.

Place: the method of `falcon_svc.encoder.moco.pretrain`; knows nothing of images, files or loops.
Sources: MoCo v3 (Chen, Xie & He, ICCV 2021): symmetric loss, momentum network, predictor, keys
of the joint batch as negatives; MoCo (He et al., CVPR 2020): queue; MaskCon (Feng & Patras,
CVPR 2023): soft targets inside the coarse class, where we leave a sample's own key to the
instance target alone, so that `coarse_weight` is the mass that other samples get.

Shapes: B batch of this process, K keys (of all processes, then of the queue), P embedding.
"""

from __future__ import annotations

import copy
import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from falcon_svc.encoder.moco.collapse import spread
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.distributed import first_row, gathered

_NO_CLASS = -1


class MoCo(nn.Module):
    """Network, projector and predictor, with the momentum copies that make the keys.

    Parameters
    ----------
    network
        (B, ...) -> (B, network.dim); trained in place.
    config
        Widths, temperature, queue, coarse weight.
    queue_length
        Keys of earlier batches that are kept.

    Attributes
    ----------
    signs
        (2,) of the last batch: the loss by chance, and the spread of the features; for `collapse`.
    """

    def __init__(self, network: nn.Module, config: MocoConfig, *, queue_length: int) -> None:
        super().__init__()
        out = config.embedding_dim
        self.network = network
        self.projector = mlp(cast(int, network.dim), config.projector_width, out, last_norm=True)
        self.predictor = mlp(out, config.predictor_width, out, last_norm=False)
        self.momentum_network = copy.deepcopy(network).requires_grad_(False)
        self.momentum_projector = copy.deepcopy(self.projector).requires_grad_(False)
        self.queue = KeyQueue(queue_length, out)
        self.temperature = config.temperature
        self.coarse_weight = config.coarse_weight
        self.coarse_temperature = config.coarse_temperature
        self.signs = torch.zeros(2)

    def forward(self, x1: Tensor, x2: Tensor, coarse: Tensor) -> Tensor:
        """Return the loss of two views (B, ...) of samples with coarse labels (B,), -1 unknown."""
        h1, h2 = self.network(x1), self.network(x2)  # (B, D)
        q1, q2 = self.query(h1), self.query(h2)  # (B, P)
        with torch.no_grad():
            k1, k2 = gathered(self.key(x1)), gathered(self.key(x2))  # (joint batch, P)
            labels = gathered(coarse)
        with torch.autocast(x1.device.type, enabled=False):
            loss = self.contrast(q1, k2, labels) + self.contrast(q2, k1, labels)
        self.signs = self._signs(torch.cat([h1, h2]), len(k1) + int(self.queue.filled))
        self.queue.push(torch.cat([k1, k2]), torch.cat([labels, labels]))
        return loss

    def query(self, features: Tensor) -> Tensor:
        """Return unit rows (B, P) for features (B, D)."""
        return F.normalize(self.predictor(self.projector(features)).float(), dim=1)

    def key(self, x: Tensor) -> Tensor:
        """Return unit rows (B, P) of the momentum network, whose norms see this batch."""
        return F.normalize(self.momentum_projector(self.momentum_network(x)).float(), dim=1)

    def contrast(self, queries: Tensor, keys: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of queries (B, P) against the joint batch's keys and the queue's."""
        own = torch.arange(len(queries), device=keys.device) + first_row(len(queries))  # (B,)
        every = torch.cat([keys, self.queue.filled_keys])  # (K, P)
        targets = own
        if self.coarse_weight > 0:
            every_label = torch.cat([labels, self.queue.filled_labels])  # (K,)
            targets = coarse_targets(
                every,
                every_label,
                own,
                weight=self.coarse_weight,
                temperature=self.coarse_temperature,
            )
        return contrastive_loss(queries, every, targets, temperature=self.temperature)

    @torch.no_grad()
    def _signs(self, features: Tensor, n_keys: int) -> Tensor:
        """Return (2,): the loss by chance, and the spread of the features; see `collapse`."""
        chance = torch.tensor(4 * self.temperature * math.log(n_keys), device=features.device)
        return torch.stack([chance, spread(features)])

    @torch.no_grad()
    def move_keys(self, momentum: float) -> None:
        """Move the momentum copies towards the trained ones, after every step."""
        followers: list[Tensor] = []
        leaders: list[Tensor] = []
        followers += [*self.momentum_network.parameters(), *self.momentum_projector.parameters()]
        leaders += [*self.network.parameters(), *self.projector.parameters()]
        torch._foreach_lerp_(followers, leaders, 1 - momentum)


def contrastive_loss(
    queries: Tensor, keys: Tensor, targets: Tensor, *, temperature: float
) -> Tensor:
    r"""Return the InfoNCE loss, times 2T as in MoCo v3, algorithm 1.

    .. math:: -\frac{2T}{B} \sum_i \sum_j t_{ij} \log \mathrm{softmax}_j (q_i \cdot k_j / T)

    Parameters
    ----------
    queries, keys
        (B, P) and (K, P) unit rows; no gradient is meant to reach the keys.
    targets
        (B,) int64, each query's own key, or (B, K) with rows that sum to 1.
    temperature
        T > 0.

    Returns
    -------
    Tensor
        Scalar >= 0.
    """
    logits = queries @ keys.T / temperature  # (B, K)
    return F.cross_entropy(logits, targets) * (2 * temperature)


def coarse_targets(
    keys: Tensor, labels: Tensor, own: Tensor, *, weight: float, temperature: float
) -> Tensor:
    r"""Return targets that give some mass to similar keys of the same coarse class.

    .. math:: t_i = (1 - w) \, e_{o(i)} + w \, \mathrm{softmax}_{j: y_j = y_i, j \ne o(i)}
              (k_{o(i)} \cdot k_j / T)

    Parameters
    ----------
    keys, labels
        (K, P) unit rows and (K,) coarse labels, -1 unknown.
    own
        (B,) row of each query's own key.
    weight
        w in [0, 1].
    temperature
        T > 0; towards 0 all of w goes to the most similar key.

    Returns
    -------
    Tensor
        (B, K), rows sum to 1; plain one-hot rows for samples without a label or without another
        key of their class. Keys of other classes get 0: they are full negatives.
    """
    mine = labels[own]  # (B,)
    instance = F.one_hot(own, len(keys)).to(keys)
    friends = (labels == mine[:, None]) & (mine != _NO_CLASS)[:, None] & (instance == 0)  # (B, K)
    similarity = (keys[own] @ keys.T / temperature).masked_fill(~friends, -torch.inf)
    soft = torch.softmax(similarity, dim=1)
    return torch.where(friends.any(dim=1, keepdim=True), instance.lerp(soft, weight), instance)


class KeyQueue(nn.Module):
    """The newest keys of earlier batches with their coarse labels, newest first.

    Parameters
    ----------
    length
        Most keys kept; 0 = none.
    dim
        P.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(length, dim))
        self.register_buffer("labels", torch.full((length,), _NO_CLASS))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))
        self.keys: Tensor
        self.labels: Tensor
        self.filled: Tensor

    @property
    def filled_keys(self) -> Tensor:
        """(K', P) kept so far."""
        return self.keys[: int(self.filled)]

    @property
    def filled_labels(self) -> Tensor:
        """(K',) of the same."""
        return self.labels[: int(self.filled)]

    @torch.no_grad()
    def push(self, keys: Tensor, labels: Tensor) -> None:
        """Put keys in front and drop as many old ones from the end."""
        length = len(self.keys)
        self.keys.copy_(torch.cat([keys, self.keys])[:length])
        self.labels.copy_(torch.cat([labels, self.labels])[:length])
        self.filled.add_(len(keys)).clamp_(max=length)


def mlp(dim: int, width: int, out: int, *, last_norm: bool) -> nn.Sequential:
    """Return the two-layer head of MoCo v3: batch norms, no biases, the last norm without scale."""
    layers = [
        nn.Linear(dim, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, out, bias=False),
    ]
    if last_norm:
        layers.append(nn.BatchNorm1d(out, affine=False))
    return nn.Sequential(*layers)
