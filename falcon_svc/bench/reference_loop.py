"""The steps of FALCON's released training loop, restated to be timed beside ours.

Place: the yardstick of `falcon_svc.bench.speed`; nothing else uses it. Source: FALCON (ICML 2024)
and the tensor operations of its released code (MIT licence), in our words. What it keeps of them:

- 5 of 20 neighbors per sample go through the averaged weights at every step, over all F classes;
- the coarse loss builds a (B, F, C) tensor, masked by the relation, and reduces it over F;
- neighbors agree by an einsum over all F classes;
- averaged weights are swapped into the model and back at every step;
- teacher predictions of a window are kept whole and multiplied with one-hot labels.

What favours it: features are in memory, nothing is augmented, and the relation is solved by our
flow instead of a general program. `loader` adds what its data set does per sample in Python.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from falcon_svc.discovery.training.relation_step import random_relation, solve_relation

Batch = tuple[Tensor, Tensor, Tensor]
"""Features (B, D), coarse labels (B,), neighbors' features (B, L, D)."""


@dataclass(eq=False)
class ReferenceLoop:
    """Model, averaged weights, relation and window.

    Parameters
    ----------
    features, coarse, neighbors
        (N, D) float32, (N,) int64, (N, K) int64 on the CPU.
    n_fine, n_coarse
        F and C.
    batch_size, sampled, solve_every
        B, L, and steps between solves.
    """

    features: Tensor
    coarse: Tensor
    neighbors: Tensor
    n_fine: int
    n_coarse: int
    batch_size: int = 1024
    sampled: int = 5
    solve_every: int = 20
    step: int = 0
    window: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.model = nn.Linear(self.features.shape[1], self.n_fine)
        self.averages = [p.detach().clone() for p in self.model.parameters()]
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9)
        self.relation = torch.from_numpy(random_relation(self.n_fine, self.n_coarse, seed=0))

    def train_epoch(self, *, loader: bool) -> float:
        """Train on all samples once; return the sample-steps per second."""
        began = time.perf_counter()
        for batch in self._loaded_batches() if loader else self._indexed_batches():
            self.train_step(*batch)
        return len(self.features) / (time.perf_counter() - began)

    def train_step(self, x: Tensor, coarse: Tensor, near: Tensor) -> float:
        """Take one step; return the loss."""
        self.optimizer.zero_grad()
        teacher_logits, near_prob = self._teacher(x, near)
        loss = self.loss(x, coarse, teacher_logits, near_prob)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._average()
        self.window.append((teacher_logits.softmax(1), coarse))
        self.step += 1
        if self.step % self.solve_every == 0:
            self._solve()
        return float(loss.detach())

    def loss(self, x: Tensor, coarse: Tensor, teacher_logits: Tensor, near_prob: Tensor) -> Tensor:
        """Return the weighted sum of the four losses, soft pseudo-labels at weight 1/2."""
        logits = self.model(x)  # (B, F)
        prob = logits.softmax(1)
        spread = logits[:, :, None].repeat(1, 1, self.n_coarse)  # (B, F, C)
        outside = ~self.relation[None].repeat(len(x), 1, 1)  # (B, F, C)
        inside = spread.masked_fill(outside, -torch.inf).logsumexp(1)  # (B, C)
        coarse_loss = functional.cross_entropy(inside - logits.logsumexp(1, keepdim=True), coarse)

        neighbor_loss = -torch.einsum("bf,blf->bl", prob, near_prob).log().mean()

        others = ~self.relation.T[coarse]  # (B, F)
        soft = (teacher_logits / 0.9).masked_fill(others, -torch.inf).softmax(1)
        hard = functional.one_hot(soft.argmax(1), self.n_fine).float()
        target = 0.5 * soft + 0.5 * hard
        confidence_loss = -(target * logits.log_softmax(1)).sum(1).mean()

        mean = prob.mean(0)
        balance_loss = (mean * mean.log()).sum() + np.log(self.n_fine)
        total: Tensor = 0.5 * (coarse_loss + neighbor_loss + confidence_loss) + 2.0 * balance_loss
        return total

    @torch.no_grad()
    def _teacher(self, x: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
        """Ask the averaged weights for logits (B, F) and neighbors' probabilities (B, L, F)."""
        own = [p.clone() for p in self.model.parameters()]
        self._put(self.averages)
        logits = self.model(x)
        near_prob = self.model(near.flatten(0, 1)).softmax(1).view(*near.shape[:2], -1)
        self._put(own)
        return logits, near_prob

    @torch.no_grad()
    def _put(self, weights: list[Tensor]) -> None:
        for parameter, weight in zip(self.model.parameters(), weights, strict=True):
            parameter.copy_(weight)

    @torch.no_grad()
    def _average(self) -> None:
        for average, parameter in zip(self.averages, self.model.parameters(), strict=True):
            average.sub_((average - parameter) * 0.01)

    def _solve(self) -> None:
        prob = torch.cat([part for part, _ in self.window])
        labels = torch.cat([part for _, part in self.window])
        one_hot = functional.one_hot(labels, self.n_coarse).float()
        affinity = (prob.T @ one_hot / len(labels)).double().numpy()
        solution = solve_relation(affinity, balance=1.0, size_targets=None, time_limit_s=30.0)
        self.relation, self.window = torch.from_numpy(solution.relation), []

    def _indexed_batches(self) -> Iterator[Batch]:
        for rows in torch.split(torch.randperm(len(self.features)), self.batch_size):
            near = self.neighbors[rows]
            drawn = torch.rand(near.shape).topk(self.sampled, dim=1).indices
            yield self.features[rows], self.coarse[rows], self.features[near.gather(1, drawn)]

    def _loaded_batches(self) -> Iterator[Batch]:
        return iter(DataLoader(_Samples(self), batch_size=self.batch_size, shuffle=True))


class _Samples(Dataset[Batch]):
    """One sample at a time, its neighbors drawn and fetched one by one."""

    def __init__(self, loop: ReferenceLoop) -> None:
        self._loop = loop
        self._neighbors = loop.neighbors.numpy()

    def __len__(self) -> int:
        return len(self._loop.features)

    def __getitem__(self, row: int) -> Batch:
        drawn = np.random.choice(self._neighbors[row], self._loop.sampled, replace=False)  # noqa: NPY002 as released
        near = torch.cat([self._loop.features[other].unsqueeze(0) for other in drawn])
        return self._loop.features[row], self._loop.coarse[row], near
