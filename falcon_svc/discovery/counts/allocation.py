"""Share a total of F fine classes out over the coarse classes: size prior plus geometry.

Maximise over counts n with sum_q n_q = F and low_q <= n_q <= high_q

    sum_q  log p(N_q | n_q)  +  w * sum_{k < n_q} log(h_qk / h*),

where h_qk is the cost at which the tree of coarse class q joins k + 1 clusters into k, and h* is
the cost at which one common cut of all trees leaves F clusters. A split that costs more than the
common cut adds evidence, one that costs less takes it away. The program separates over q, so a
dynamic program solves it exactly. Ours; docs/decisions/0003-structure.md says what it is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.partition.merge_tree import MergeTree, common_cost
from falcon_svc.discovery.partition.votes import SMALLEST_COST
from falcon_svc.types import IntArray

Float = NDArray[np.floating[Any]]


def split_evidence(trees: Sequence[MergeTree], n_fine: int, max_count: int) -> Float:
    """Return (C, max_count): sum of log(h_qk / h*) over the splits made; -inf past the leaves."""
    costs = [np.maximum(tree.split_costs.astype(np.float64), SMALLEST_COST) for tree in trees]
    common = common_cost(costs, n_fine)
    evidence = np.full((len(trees), max_count), -np.inf)
    evidence[:, 0] = 0.0
    for row, cost in zip(evidence, costs, strict=True):
        gains = np.cumsum(np.log(cost[: max_count - 1] / common))
        row[1 : 1 + len(gains)] = gains
    return evidence


def allocate(score: Float, n_fine: int, low: IntArray, high: IntArray) -> IntArray:
    """Return counts (C,) that maximise sum_q score[q, n_q - 1] with sum F; ties go to fewer.

    Parameters
    ----------
    score
        (C, K) float, -inf where a count is impossible.
    n_fine
        F, with sum(low) <= F <= sum(high).
    low, high
        (C,) int64 bounds, 1 <= low <= high <= K.

    Raises
    ------
    ValueError
        No counts within the bounds have a finite score.
    """
    best = np.full(n_fine + 1, -np.inf)
    best[0] = 0.0
    choices = []
    for q in range(len(score)):
        best, choice = _add_class(best, score[q], int(low[q]), int(high[q]))
        choices.append(choice)
    if not np.isfinite(best[n_fine]):
        raise ValueError(f"no counts in the bounds add up to {n_fine}")
    return _trace_back(choices, n_fine)


def _add_class(best: Float, score: Float, low: int, high: int) -> tuple[Float, IntArray]:
    total, choice = np.full_like(best, -np.inf), np.zeros(len(best), np.int64)
    for count in range(low, min(high, len(best) - 1) + 1):
        candidate = np.full_like(best, -np.inf)
        candidate[count:] = best[: len(best) - count] + score[count - 1]
        better = candidate > total
        total[better], choice[better] = candidate[better], count
    return total, choice


def _trace_back(choices: list[IntArray], n_fine: int) -> IntArray:
    counts, left = np.zeros(len(choices), np.int64), n_fine
    for q in range(len(choices) - 1, -1, -1):
        counts[q] = choices[q][left]
        left -= int(counts[q])
    return counts
