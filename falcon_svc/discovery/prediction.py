"""Assignments from a trained head: among the children of a sample's labels, and without them.

Place: after training and in the service. Works in chunks, so that no (N, F) table exists.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from falcon_svc.discovery.result import Assignments
from falcon_svc.discovery.setup import on_device
from falcon_svc.types import BoolArray, FloatArray, LabelSource

_CHUNK_CELLS = 1 << 23  # cells of (rows, F): 32 MB


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
        label, all. Empty: no sample has labels.

    Returns
    -------
    Assignments
        (N,) arrays; `runner_up` is -1 and `margin` 1 where there was no choice.
    """
    device = next(head.parameters()).device
    table = on_device(features, "cpu")
    tables = [torch.from_numpy(relation.T.copy()).to(device) for relation in relations]  # (C, F)
    labels = [torch.from_numpy(source.labels.copy()).to(device) for source in sources]
    n_fine = len(head(table[:1].to(device))[0])
    step = max(1, _CHUNK_CELLS // n_fine)
    parts = []
    for first in range(0, len(table), step):
        scores = head(table[first : first + step].to(device))  # (chunk, F)
        mine = [label[first : first + step] for label in labels]
        parts.append(_assign(scores, _allowed(scores, mine, tables)))
    return _joined(parts)


def _allowed(scores: Tensor, labels: list[Tensor], tables: list[Tensor]) -> Tensor:
    """Which classes (chunk, F) each sample may have."""
    allowed = torch.ones_like(scores, dtype=torch.bool)
    for label, table in zip(labels, tables, strict=True):
        children = table[label] | (label < 0)[:, None]
        both = allowed & children
        allowed = torch.where(both.any(dim=1, keepdim=True), both, allowed)
    return allowed


def _assign(scores: Tensor, allowed: Tensor) -> tuple[Tensor, ...]:
    """Class, confidence, margin, runner-up, plain argmax: (chunk,) each."""
    prob = torch.softmax(scores.masked_fill(~allowed, -torch.inf), dim=1)
    best = prob.topk(min(2, prob.shape[1]), dim=1)
    fine, confidence = best.indices[:, 0], best.values[:, 0]
    alone = allowed.sum(dim=1) == 1
    runner_up = best.indices[:, -1].masked_fill(alone, -1)
    margin = (confidence - best.values[:, -1]).masked_fill(alone, 1.0)
    return fine, confidence, margin, runner_up, scores.argmax(dim=1)


def _joined(parts: list[tuple[Tensor, ...]]) -> Assignments:
    fine, confidence, margin, runner_up, unmasked = (
        torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)
    )
    return Assignments(
        fine=fine.astype(np.int64),
        confidence=confidence.astype(np.float32),
        margin=margin.astype(np.float32),
        runner_up=runner_up.astype(np.int64),
        fine_unmasked=unmasked.astype(np.int64),
    )
