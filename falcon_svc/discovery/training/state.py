"""Everything that head training carries from one step to the next, and its form at rest.

Place: made, stepped and saved by `falcon_svc.discovery.training.trainer`. At an epoch's boundary
`TrainState.save` gives tensors and JSON-ready numbers from which `TrainState.load` goes on as if
nothing had happened: weights, teacher, optimiser, random generator, relations, windows. The
learning rate follows from the epoch, and teacher memories are renewed when an epoch starts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from falcon_svc.checkpoint import Saved, prefixed, under
from falcon_svc.core import PAD, Children, Optimizer, children_of, learning_rate_share
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.relation_step import (
    AffinityWindow,
    extra_parents,
    kept_compatible,
    solve_relation,
)
from falcon_svc.discovery.training.samples import TrainSamples
from falcon_svc.discovery.training.teacher_memory import TeacherMemory
from falcon_svc.types import BoolArray, IntArray, LabelSource, Neighbors
from solver import Constraints, Solution, StayClose

_log = logging.getLogger(__name__)
_CHUNK_CELLS = 1 << 20  # cells of (rows, F): 4 MB
_CHUNK_ROWS = 1 << 16
INERTIA = 0.05
"""What moving a fine class to another parent of a further source costs, in units of a fine class's
mean mass."""


class SourceState:
    """One label source in training: its labels, neighbors, relation, memory and window.

    A combination of classes that a sample's label names counts as one more label (`types.Cells`),
    whose children are those of all its classes. It takes part in the losses, but not in the
    window: which of the classes is meant is not known.

    Parameters
    ----------
    labels, neighbors
        The source and the neighbors that were searched with its labels.
    relation
        (F, C) bool to begin with; a class may have as many parents later as are given here.
    size_targets
        (C,) wanted numbers of fine classes, or None.
    wishes
        What every solve of the relation keeps.
    compatible
        (C of the first source, C) which parents may meet in a fine class; None = all.
    device
        Where tensors live.
    """

    def __init__(
        self,
        labels: LabelSource,
        neighbors: Neighbors,
        relation: BoolArray,
        size_targets: IntArray | None,
        wishes: Constraints,
        compatible: BoolArray | None,
        device: torch.device,
    ) -> None:
        cells = labels.cells()
        self.n_coarse = labels.n_coarse
        self.coarse = torch.from_numpy(cells.source.labels).to(device)  # (N,)
        self.parents = torch.from_numpy(cells.parents.astype(np.float32)).to(device)  # (C + J, C)
        self.neighbors = torch.from_numpy(neighbors.index).to(device)  # (N, K)
        self.complete = bool((cells.source.labels >= 0).all())
        self.single = not labels.several
        self.size_targets, self.name = size_targets, labels.name
        self.wishes, self.compatible = wishes, compatible
        self.extra = extra_parents(relation)
        self.relation = torch.from_numpy(relation.copy()).to(device)  # (F, C)
        self.children = self._children()
        self.memory = TeacherMemory(len(labels.labels), self.children)
        self.window = AffinityWindow(labels.n_coarse, len(relation), device)

    def _children(self) -> Children:
        """Table of the children of every label, combinations of classes included."""
        if self.single:
            return children_of(self.relation)
        return children_of(self.relation.float() @ self.parents.T > 0)

    def labelled(self, rows: Tensor) -> Tensor | slice:
        """Return which of `rows` this source labels: positions, or a slice for all."""
        if self.complete:
            return slice(None)
        return (self.coarse[rows] >= 0).nonzero()[:, 0]

    def remember(self, head: Any, rows: Tensor, inputs: Tensor) -> None:
        """Write into the memory what a head makes of its inputs (B, D) of the samples `rows`.

        Only the children of a sample's own label are scored, label by label.
        """
        part = self.labelled(rows)
        mine, inputs, coarse = rows[part], inputs[part], self.coarse[rows[part]]
        order, sizes = coarse.argsort(stable=True), torch.bincount(coarse).tolist()
        scores = inputs.new_full((len(mine), self.children.width), PAD)  # (B, M)
        for label, own in enumerate(torch.split(order, sizes)):
            if len(own):
                classes = self.children.index[label][self.children.valid[label]]
                scores[own, : len(classes)] = head.scores(inputs[own], classes)
        self.memory.write(mine, scores)

    def observe(self, window: AffinityWindow, teacher_prob: Tensor, coarse: Tensor) -> None:
        """Add probabilities (B, F) of samples with labels (B,) to a window, single classes only."""
        if not self.single:
            plain = (coarse < self.n_coarse).nonzero()[:, 0]
            teacher_prob, coarse = teacher_prob[plain], coarse[plain]
        window.add(teacher_prob, coarse)

    def solve(self, first: SourceState, *, balance: float, time_limit_s: float) -> Solution:
        """Solve for the relation that the window speaks for, take it over, open the next window.

        Parents that cannot meet those of the `first` source's relation are ruled out. Where time
        ran out before there was any relation, the earlier one stays.
        """
        solution = solve_relation(
            self.window.affinity(),
            balance=balance,
            size_targets=self.size_targets,
            time_limit_s=time_limit_s,
            extra=self.extra,
            wishes=self.wishes if first is self else self.beside(first.relation.cpu().numpy()),
        )
        self.window.clear()
        if solution.relation.any():
            self.change_relation(torch.from_numpy(solution.relation).to(self.coarse.device))
        else:
            _log.warning("relation: the solver says %s; the earlier one stays", solution.status)
        return solution

    def beside(self, first: BoolArray) -> Constraints:
        """Return all wishes of a further source beside the first one's relation (F, C).

        Parents stay compatible with the first source's, and between fine classes that the
        features cannot tell apart, whose affinities are alike, the relation stays as it is.
        """
        relation = self.relation.cpu().numpy()
        apart = () if self.compatible is None else kept_compatible(first, self.compatible)
        if self.wishes.of(StayClose):
            return Constraints((*self.wishes, *apart))
        parents = np.where(relation.any(axis=1), relation.argmax(axis=1), -1)
        close = StayClose(id="as-before", previous=parents, price=INERTIA / len(relation))
        return Constraints((*self.wishes, *apart, close))

    def change_neighbors(self, found: Neighbors) -> None:
        """Take over neighbors that were searched again."""
        self.neighbors = torch.from_numpy(found.index).to(self.coarse.device)

    def change_relation(self, relation: Tensor) -> None:
        """Take over a relation, the memory's columns following."""
        if not torch.equal(relation, self.relation):
            self.relation = relation
            self.children = self._children()
            self.memory.change_children(self.children, self.coarse)


@dataclass
class TrainState:
    """Student, teacher and what moves them, at `epoch` epochs and `step` steps done.

    `retries` counts how often training left the finite numbers and its rate was halved;
    `renewed` tells whether neighbors were searched again; `history` holds one row of numbers per
    epoch.
    """

    student: nn.Module
    teacher: AveragedModel
    optimizer: Optimizer
    generator: torch.Generator
    sources: tuple[SourceState, ...]
    epoch: int = 0
    step: int = 0
    retries: int = 0
    renewed: bool = False
    history: list[dict[str, float]] = field(default_factory=list)

    def trained_rows(self) -> Tensor:
        """Return the rows that some source labels, ascending; the others teach nothing."""
        known = torch.stack([source.coarse >= 0 for source in self.sources]).any(dim=0)
        return known.nonzero()[:, 0]

    def set_learning_rate(self, config: TrainConfig) -> float:
        """Set and return the epoch's learning rate, halved once per retry."""
        share = learning_rate_share(
            self.epoch, config.epochs, decay=config.decay, milestones=config.milestones
        )
        rate = config.learning_rate * share * 0.5**self.retries
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        return rate

    @torch.no_grad()
    def renew_memories(self, samples: TrainSamples) -> None:
        """Write the teacher's present predictions of all samples into every source's memory."""
        head: Any = self.teacher.module
        every = torch.arange(len(samples), device=samples.device)
        for rows in torch.split(every, min(samples.most_rows, _CHUNK_ROWS)):
            inputs = head.inputs(samples.clean(rows))
            for source in self.sources:
                source.remember(head, rows, inputs)

    @torch.no_grad()
    def teacher_scores(self, samples: TrainSamples) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (rows, the teacher's logits (rows, F)) over all samples, piece by piece."""
        n_fine = len(self.sources[0].relation)
        every = torch.arange(len(samples), device=samples.device)
        for rows in torch.split(every, min(samples.most_rows, max(1, _CHUNK_CELLS // n_fine))):
            yield rows, self.teacher(samples.clean(rows))

    def save(self) -> Saved:
        """Return a copy of the state; only meaningful at the boundary of an epoch."""
        tensors = {"generator": self.generator.get_state()}
        tensors |= prefixed("student", self.student.state_dict())
        tensors |= prefixed("teacher", self.teacher.state_dict())
        tensors |= prefixed("optimizer", self.optimizer.tensors())
        for i, source in enumerate(self.sources):
            tensors |= {f"source.{i}.relation": source.relation}
            tensors |= {f"source.{i}.window": source.window.sums}
            if self.renewed:
                tensors |= {f"source.{i}.neighbors": source.neighbors}
        numbers = {
            "epoch": self.epoch,
            "step": self.step,
            "retries": self.retries,
            "renewed": self.renewed,
            "window_counts": [source.window.count for source in self.sources],
            "history": [dict(row) for row in self.history],
        }
        return Saved.copied(tensors, numbers)

    def load(self, saved: Saved) -> None:
        """Become the state that was saved; the memories' content is not restored."""
        tensors, numbers = saved.tensors, saved.numbers
        self.generator.set_state(tensors["generator"])
        self.student.load_state_dict(under("student", tensors))
        self.teacher.load_state_dict(under("teacher", tensors))
        self.optimizer.load(under("optimizer", tensors))
        for i, source in enumerate(self.sources):
            device = source.coarse.device
            source.change_relation(tensors[f"source.{i}.relation"].to(device))
            source.window.sums = tensors[f"source.{i}.window"].clone().to(device)
            source.window.count = numbers["window_counts"][i]
            if numbers["renewed"]:
                source.neighbors = tensors[f"source.{i}.neighbors"].to(device)
        self.epoch, self.step = numbers["epoch"], numbers["step"]
        self.retries, self.renewed = numbers["retries"], numbers["renewed"]
        self.history = [dict(row) for row in numbers["history"]]
