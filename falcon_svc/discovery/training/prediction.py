"""Assignments from a trained head: among the children of a sample's labels, and without them.

Place: after training and in the service. Works in chunks, so that no (N, F) table exists. Where
there is one label source, only the children of a sample's own label are ranked, not all F classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from falcon_svc.core import Children, children_of
from falcon_svc.discovery.training.samples import on_device
from falcon_svc.result.record import Assignments
from falcon_svc.threads import threads_for
from falcon_svc.types import BoolArray, FloatArray, LabelSource

_CHUNK_CELLS = 1 << 20  # cells of (rows, F): 4 MB


@torch.no_grad()
def predict(
    head: nn.Module,
    features: FloatArray,
    sources: tuple[LabelSource, ...] = (),
    relations: tuple[BoolArray, ...] = (),
) -> Assignments:
    """Assign every sample its most probable fine class.

    Parameters
    ----------
    head
        The teacher or student of a `TrainedHead`, on any device.
    features
        (N, D) float32, possibly a memory map.
    sources, relations
        Coarse labels of these samples and the relation (F, C) of each source. A sample's classes
        are the children of all its labels; where these share none, of its first label; without a
        label, all. A label that names several classes allows the children of each. Empty: no
        sample has labels.

    Returns
    -------
    Assignments
        (N,) arrays; `runner_up` is -1 and `margin` 1 where there was no choice.
    """
    device = next(head.parameters()).device
    table = on_device(features, "cpu")
    allowed = _Allowed.of(sources, relations, device)
    n_fine = head(table[:1].to(device)).shape[1]
    step = max(1, _CHUNK_CELLS // n_fine)
    found = _empty(len(table))
    with threads_for(2 * min(step, len(table)) * table.shape[1] * n_fine):
        for first in range(0, len(table), step):
            piece = slice(first, first + step)
            scores = head(table[piece].to(device))  # (chunk, F)
            for column, values in zip(_columns(found), allowed.assign(scores, piece), strict=True):
                column[piece] = values.cpu().numpy()
    return found


def _empty(n: int) -> Assignments:
    """Arrays to fill: results kept apart per chunk would pin the heap between its large blocks."""
    return Assignments(
        fine=np.empty(n, np.int64),
        confidence=np.empty(n, np.float32),
        margin=np.empty(n, np.float32),
        runner_up=np.empty(n, np.int64),
        fine_unmasked=np.empty(n, np.int64),
    )


def _columns(found: Assignments) -> tuple[NDArray[Any], ...]:
    return found.fine, found.confidence, found.margin, found.runner_up, found.fine_unmasked


@dataclass(frozen=True, eq=False)
class _Allowed:
    """Which classes the labels of each sample allow; per source labels (N,) and a table of them."""

    labels: list[Tensor]
    relations: list[Tensor]

    @classmethod
    def of(
        cls,
        sources: tuple[LabelSource, ...],
        relations: tuple[BoolArray, ...],
        device: torch.device,
    ) -> _Allowed:
        cells = [source.cells() for source in sources]
        wide = [cell.widened(own) for cell, own in zip(cells, relations, strict=True)]
        return cls(
            [torch.from_numpy(cell.source.labels).to(device) for cell in cells],
            [torch.from_numpy(relation).to(device) for relation in wide],
        )

    def assign(self, scores: Tensor, piece: slice) -> tuple[Tensor, ...]:
        """Class, confidence, margin, runner-up, plain argmax of the samples `piece`: (chunk,)."""
        best = scores.argmax(dim=1)
        if len(self.labels) != 1 or bool((self.labels[0][piece] < 0).any()):
            return *_ranked(self._masked(scores, piece)), best
        children = self._children
        taken = children.index[self.labels[0][piece]]  # (chunk, M)
        valid = children.valid[self.labels[0][piece]]
        ranked = _ranked(scores.gather(1, taken).masked_fill_(~valid, -torch.inf))
        fine, confidence, margin, runner_up = ranked
        chosen = taken.gather(1, torch.stack([fine, runner_up.clamp_min(0)], dim=1))
        return chosen[:, 0], confidence, margin, torch.where(runner_up < 0, -1, chosen[:, 1]), best

    @cached_property
    def _children(self) -> Children:
        return children_of(self.relations[0])

    @cached_property
    def _tables(self) -> list[Tensor]:
        """Per source (C + 1, F), the last row, all, for label -1."""
        return [torch.cat([own.T, torch.ones_like(own.T[:1])]) for own in self.relations]

    def _masked(self, scores: Tensor, piece: slice) -> Tensor:
        """Scores (chunk, F), -inf where a sample's labels do not allow the class."""
        allowed: Tensor | None = None
        for label, table in zip(self.labels, self._tables, strict=True):
            children = table[label[piece]]  # (chunk, F)
            if allowed is None:
                allowed = children
            else:
                both = allowed & children
                allowed = torch.where(both.any(dim=1, keepdim=True), both, allowed)
        return scores if allowed is None else torch.where(allowed, scores, -torch.inf)


def _ranked(masked: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Place of the best column, its probability, its margin, place of the second: (chunk,) each."""
    best = masked.topk(min(2, masked.shape[1]), dim=1)
    prob = torch.exp(best.values - torch.logsumexp(masked, dim=1, keepdim=True))  # (chunk, 2)
    alone = torch.isneginf(best.values[:, -1]) | (masked.shape[1] == 1)
    runner_up = best.indices[:, -1].masked_fill(alone, -1)
    margin = (prob[:, 0] - prob[:, -1]).masked_fill(alone, 1.0)
    return best.indices[:, 0], prob[:, 0], margin, runner_up
