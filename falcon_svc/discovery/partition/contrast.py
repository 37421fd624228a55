"""A linear view of the features in which neighbors attract and the rest of the class repels.

InfoNCE (van den Oord et al. 2018) over pairs (sample, one of its neighbors), with the other
samples of the same coarse class in the batch as negatives: what tells coarse classes apart is
of no use for it, so it looks for what tells apart inside them. One map serves all coarse
classes. It is one of the views that `falcon_svc.discovery.partition.votes` combines: strong where
neighborhoods are pure (text embeddings), weak where they are not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as nnf

from falcon_svc.core import Adam, learning_rate_share
from falcon_svc.discovery.partition.shared_metric import unit_rows
from falcon_svc.types import FloatArray, IntArray

OUT_DIM = 64
BATCH_ROWS = 512
N_STEPS = 600
TEMPERATURE = 0.15
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2


def contrast_view(
    vectors: FloatArray,
    groups: list[IntArray],
    neighbors: IntArray,
    *,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> FloatArray:
    """Return (N, d) unit rows of the learned linear map.

    Parameters
    ----------
    vectors
        (N, D) float32, centred inside each coarse class.
    groups
        Rows of each coarse class.
    neighbors
        (N, K) rows of the same coarse class.
    seed
        Seed of the start and of the batches.
    on_step
        Called after each of `N_STEPS` steps.
    """
    inputs = torch.from_numpy(unit_rows(vectors))
    weight = _fit(inputs, groups, neighbors, np.random.default_rng(seed), on_step)
    with torch.no_grad():
        return nnf.normalize(inputs @ weight, dim=1).numpy()


def _fit(
    inputs: torch.Tensor,
    groups: list[IntArray],
    neighbors: IntArray,
    rng: np.random.Generator,
    on_step: Callable[[], None],
) -> torch.Tensor:
    dim = inputs.shape[1]
    start = rng.uniform(-1, 1, (dim, min(OUT_DIM, dim))) / np.sqrt(dim)
    weight = torch.tensor(start, dtype=torch.float32, requires_grad=True)
    optimizer = Adam([{"params": [weight]}], LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    sizes = np.array([len(g) for g in groups], np.float64) / len(inputs)
    for step in range(N_STEPS):
        share = learning_rate_share(step, N_STEPS, decay="cosine", milestones=())
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * share
        group = groups[rng.choice(len(groups), p=sizes)]
        rows = rng.choice(group, min(BATCH_ROWS, len(group)), replace=False)
        pairs = neighbors[rows, rng.integers(neighbors.shape[1], size=len(rows))]
        loss = info_nce_loss(inputs[rows] @ weight, inputs[pairs] @ weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        on_step()
    return weight.detach()


def info_nce_loss(anchors: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
    """Mean over i of -log softmax_j(cos(a_i, b_j) / T) at j = i; inputs (B, d), T = 0.15."""
    logits = nnf.normalize(anchors, dim=1) @ nnf.normalize(positives, dim=1).T / TEMPERATURE
    return nnf.cross_entropy(logits, torch.arange(len(logits)))
