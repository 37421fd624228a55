r"""The head, trained on a little with what a person said held fast.

Start: class vectors by linear discriminant analysis in the shared metric, both learned again from
the present classes. Then a few epochs of FALCON's neighbor and confidence losses (equations 4 and
6), where a sample that a person placed has its class as target, and its neighbors see that class;
a sample that a person took out of a class has probability 0 there. Only the children of a
sample's coarse label take part, so training cannot reach over the wall.

Shapes: N samples, D dimensions, F classes, C coarse classes, M most children of one, B batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falcon_svc.core import (
    Adam,
    children_of,
    confidence_loss,
    confidence_target,
    neighbor_loss,
    soft_weight,
    take_children,
)
from falcon_svc.discovery.partition.views import SHRINKAGE
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.samples import on_device
from falcon_svc.discovery.training.warm_start import discriminant_start
from falcon_svc.types import BoolArray, FloatArray, IntArray

EPOCHS = 10
BATCH_SIZE = 512
LEARNING_RATE = 1e-2
TEACHER_MOMENTUM = 0.9
SAMPLED_NEIGHBORS = 6
WEIGHT_FIXED = 4.0
WEIGHT_FREE = 0.3
"""Weights of the losses of samples placed by hand and of the others."""

ENOUGH_FIXED = 5
"""Samples placed by hand from which on a class starts from them alone."""

COPIES_FIXED = 7
"""How often such a sample counts in a class that does not."""

WEIGHT_NEIGHBOR = 0.5
TEMPERATURE = 0.9
MOST_METRIC_ROWS = 50_000
MOST_SAMPLES_SEEN = 2_000_000
_OUT = -30.0
_CHUNK = 8_192


@dataclass(frozen=True)
class HeadTask:
    """What the head is to learn.

    Attributes
    ----------
    features : float32 (N, D)
    neighbors : int64 (N, K)
        Rows of the nearest samples inside the coarse class.
    coarse : int64 (N,)
        -1 = no label.
    fine : int64 (N,)
        Present class as a row of `relation`; -1 = none.
    fixed : bool (N,)
        Whether a person placed it.
    relation : bool (F, C)
    excluded : mapping
        Row -> rows of `relation` that the sample does not belong to.
    barred : mapping
        Row of a sample without a coarse label -> the coarse class that it does not belong to.
    """

    features: FloatArray
    neighbors: IntArray
    coarse: IntArray
    fine: IntArray
    fixed: BoolArray
    relation: BoolArray
    excluded: Mapping[int, frozenset[int]]
    barred: Mapping[int, int]


@dataclass(frozen=True)
class Placed:
    """Where the head puts every sample.

    Attributes
    ----------
    fine, runner_up : int64 (N,)
        Rows of the relation; `runner_up` is -1 where there is one class only.
    confidence, rival : float32 (N,)
        Probabilities of the two among the children of the sample's coarse label.
    """

    fine: IntArray
    runner_up: IntArray
    confidence: FloatArray
    rival: FloatArray


class Head:
    """Class vectors in the shared metric of the present classes.

    Parameters
    ----------
    task : HeadTask
    seed : int
        Seed of batches and sampled neighbors.
    """

    def __init__(self, task: HeadTask, *, seed: int) -> None:
        self.task, self.seed = task, seed
        self.inputs = self._inputs()
        known = self._leading()
        start = discriminant_start(
            *(self.inputs[known], task.fine[known], task.coarse[known]),
            (task.relation,),
            seed=seed,
        )
        self.weight = torch.from_numpy(start.weight).requires_grad_(True)  # (F, D)
        self.bias = torch.from_numpy(start.bias).requires_grad_(True)  # (F,)
        self._special = np.array(sorted({*task.excluded, *task.barred}), np.int64)
        self.teacher = (self.weight.detach().clone(), self.bias.detach().clone())

    def _taught(self) -> IntArray:
        """Rows whose class teaches: those with a label and a class under it."""
        task = self.task
        inside = task.relation[np.maximum(task.fine, 0), np.maximum(task.coarse, 0)]
        return np.flatnonzero((task.fine >= 0) & (task.coarse >= 0) & inside)

    def _leading(self) -> IntArray:
        """Rows that the class vectors start from; those placed by hand several times."""
        task, known = self.task, self._taught()
        by_hand = known[task.fixed[known]]
        count = np.bincount(task.fine[by_hand], minlength=len(task.relation))
        free = ~task.fixed[known] & (count[task.fine[known]] >= ENOUGH_FIXED)
        return np.concatenate([known[~free], np.repeat(by_hand, COPIES_FIXED)])

    def _inputs(self) -> FloatArray:
        rows = self._taught()
        if len(rows) > MOST_METRIC_ROWS:
            rows = np.sort(np.random.default_rng(self.seed).permutation(rows)[:MOST_METRIC_ROWS])
        sample = np.asarray(self.task.features[rows])
        fine = self.task.fine[rows]
        space = FeatureSpace.learn(sample, sample.mean(axis=0), fine, shrinkage=SHRINKAGE)
        return space.apply(self.task.features)

    @torch.no_grad()
    def mass(self) -> np.ndarray:
        """Return the mean probability mass (F, C) of class i among the samples labelled k."""
        task = self.task
        mass = torch.zeros(task.relation.shape[::-1], dtype=torch.float64)
        labelled = torch.from_numpy(np.flatnonzero(task.coarse >= 0))
        coarse, inputs = torch.from_numpy(task.coarse.copy()), on_device(self.inputs, "cpu")
        for rows in torch.split(labelled, _CHUNK):
            prob = torch.softmax(inputs[rows] @ self.teacher[0].T + self.teacher[1], dim=1)
            mass.index_add_(0, coarse[rows], prob.double())
        return np.asarray(mass.numpy().T / max(len(labelled), 1))

    def tune(self, *, epochs: int = EPOCHS, on_epoch: Callable[[int, float], None]) -> None:
        """Train for some epochs; `on_epoch` is told (epochs done, loss) and may raise."""
        loop = _Loop(self)
        for epoch in range(loop.affordable(epochs)):
            on_epoch(epoch + 1, loop.epoch(epoch, epochs))

    @torch.no_grad()
    def place(self) -> Placed:
        """Return the most probable class of every sample among those it may be in."""
        task, n = self.task, len(self.inputs)
        found = Placed(
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.empty(n, np.float32),
            np.empty(n, np.float32),
        )
        inputs = on_device(self.inputs, "cpu")
        for rows in torch.split(torch.arange(n), _CHUNK):
            scores = inputs[rows] @ self.teacher[0].T + self.teacher[1]
            prob = torch.softmax(self._masked(scores, rows.numpy()), dim=1)
            best = prob.topk(min(2, prob.shape[1]), dim=1)
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            found.fine[part], found.confidence[part] = best.indices[:, 0], best.values[:, 0]
            found.runner_up[part], found.rival[part] = best.indices[:, -1], best.values[:, -1]
        found.runner_up[found.rival <= 0] = -1
        fixed = np.flatnonzero(task.fixed)
        found.fine[fixed], found.confidence[fixed] = task.fine[fixed], 1.0
        found.runner_up[found.runner_up == found.fine] = -1
        return found

    @torch.no_grad()
    def log_prob(self, rows: IntArray) -> NDArray[np.float64]:
        """Return the log-probability (S, F) of every class for rows, -inf where one may not be.

        A sample that a person placed may be there alone.
        """
        inputs = torch.from_numpy(np.asarray(self.inputs)[rows])
        masked = self._masked(inputs @ self.teacher[0].T + self.teacher[1], rows)
        found: NDArray[np.float64] = torch.log_softmax(masked, dim=1).double().numpy()
        held = self.task.fixed[rows]
        found[held] = -np.inf
        found[held, self.task.fine[rows[held]]] = 0.0
        return found

    def _masked(self, scores: Tensor, rows: IntArray) -> Tensor:
        """Scores of rows, ascending, -inf where the wall or a person keeps the sample out."""
        relation = self.task.relation
        every = np.concatenate([relation.T, np.ones((1, len(relation)), np.bool_)])
        allowed = every[self.task.coarse[rows]]
        for place in np.flatnonzero(np.isin(rows, self._special)).tolist():
            row = int(rows[place])
            coarse = self.task.barred.get(row)
            if coarse is not None:
                allowed[place] &= ~relation[:, coarse] | (relation.sum(axis=1) > 1)
            out = list(self.task.excluded.get(row, ()))
            if allowed[place].sum() > allowed[place, out].sum():
                allowed[place, out] = False
        return scores.masked_fill(~torch.from_numpy(allowed), -torch.inf)


class _Loop:
    """The tensors of training; `epoch` goes over all labelled samples once."""

    def __init__(self, head: Head) -> None:
        self.head, task = head, head.task
        self.rows = torch.from_numpy(np.flatnonzero(task.coarse >= 0))
        self.inputs = on_device(head.inputs, "cpu")
        self.coarse = torch.from_numpy(task.coarse.copy())
        self.neighbors = torch.from_numpy(task.neighbors)
        self.children = children_of(torch.from_numpy(task.relation))
        self.place = _places(task.relation, self.children.index.numpy())
        held = task.fixed & (task.coarse >= 0)
        self.fixed = torch.from_numpy(held)
        self.fixed_rows = np.flatnonzero(held)
        own = [{"params": [head.weight, head.bias]}]
        self.optimizer = Adam(own, LEARNING_RATE, fused=False)
        self.generator = torch.Generator().manual_seed(head.seed)

    def affordable(self, epochs: int) -> int:
        return max(1, min(epochs, MOST_SAMPLES_SEEN // max(1, len(self.rows))))

    def epoch(self, number: int, epochs: int) -> float:
        """Train on every sample once and return the mean loss."""
        memory, total = self._memory(), 0.0
        soft = soft_weight(number, epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - number / epochs)
        order = self.rows[torch.randperm(len(self.rows), generator=self.generator)]
        for rows in torch.split(order, BATCH_SIZE):
            loss = self._loss(rows, memory, soft)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._follow()
            total += float(loss.detach()) * len(rows)
        return total / max(len(self.rows), 1)

    def _loss(self, rows: Tensor, memory: Tensor, soft: float) -> Tensor:
        head = self.head
        scores = self.inputs[rows] @ head.weight.T + head.bias
        log_prob = torch.log_softmax(
            take_children(scores, self.coarse[rows], self.children), dim=1
        )  # (B, M)
        drawn = torch.randperm(self.neighbors.shape[1], generator=self.generator)
        near = self.neighbors[rows][:, drawn[:SAMPLED_NEIGHBORS]]  # (B, L)
        target = confidence_target(memory[rows], temperature=TEMPERATURE, soft_weight=soft)
        own = confidence_loss(log_prob, target)
        free = own + WEIGHT_NEIGHBOR * neighbor_loss(log_prob, memory[near])
        return torch.where(self.fixed[rows], WEIGHT_FIXED * own, WEIGHT_FREE * free).mean()

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = zip(self.head.teacher, (self.head.weight, self.head.bias), strict=True)
        for teacher, student in pairs:
            teacher.lerp_(student, 1 - TEACHER_MOMENTUM)

    @torch.no_grad()
    def _memory(self) -> Tensor:
        """The teacher's log-probabilities (N, M), with what a person said in their place."""
        weight, bias = self.head.teacher
        memory = torch.zeros(len(self.inputs), self.children.width)
        for rows in torch.split(self.rows, _CHUNK):
            scores = take_children(
                self.inputs[rows] @ weight.T + bias, self.coarse[rows], self.children
            )
            memory[rows] = scores
        task = self.head.task
        for row, barred in task.excluded.items():
            places = [self.place[task.coarse[row], f] for f in barred if task.coarse[row] >= 0]
            memory[row, [p for p in places if p >= 0]] = _OUT
        memory = torch.log_softmax(memory, dim=1)
        memory[self.fixed_rows] = _OUT
        own = self.place[task.coarse[self.fixed_rows], task.fine[self.fixed_rows]]
        memory[self.fixed_rows, own] = 0.0
        return memory


def _places(relation: BoolArray, index: IntArray) -> IntArray:
    """Column (C, F) of each class in its coarse class's list of children, -1 = no child."""
    places = np.full(relation.T.shape, -1, np.int64)
    for coarse, count in enumerate(relation.sum(axis=0).tolist()):
        places[coarse, index[coarse, :count]] = np.arange(count)
    return places
