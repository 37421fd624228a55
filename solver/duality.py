"""The bound of a certificate, worked out again from the problem's own real numbers.

For any column prices y and multipliers m of the linear rows no relation is worth more than

    sum_i max_k (P[i, k] - y_k - sum_r m_r coefficient_r[i, k])
    + sum_k max_n (y_k n - weight_k (n - target_k)^2) + sum_r max(m_r upper_r, m_r lower_r)

This is written without the whole-number program, from `RelationProblem` alone, so that `verify`
does not repeat a mistake of the methods. Several parents and further sources are left to the
second solver.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .flow_constraints import Forbid, Pin, StayClose, UnusedAllowed
from .problem import RelationProblem
from .rows import linear_rows
from .side_constraints import ExtraParents, SourceTie


def priced_bound(problem: RelationProblem, certificate: Mapping[str, Any]) -> float | None:
    """Return what the certificate's prices prove, in units of the affinity.

    None where this proof does not apply: several parents per fine class, several sources.
    """
    if any(isinstance(item, (ExtraParents, SourceTie)) for item in problem.constraints):
        return None
    prices = np.array(certificate["column_prices"], dtype=np.float64) / certificate["scale"]
    rows = tuple(linear_rows(problem))
    multipliers = np.array(certificate["row_multipliers"], dtype=np.float64) / certificate["scale"]
    if len(rows) != len(multipliers) or len(prices) < problem.n_coarse:
        return None
    values = _values(problem)
    total = _columns(problem, prices[: problem.n_coarse]) + _constants(problem)
    for row, multiplier in zip(rows, multipliers.tolist(), strict=True):
        np.subtract.at(values, (row.fine, row.coarse), multiplier * row.coefficient)
        total += max(multiplier * row.upper, multiplier * row.lower) if multiplier else 0.0
    best = (values - prices[: problem.n_coarse]).max(axis=1)
    for unused in problem.constraints.of(UnusedAllowed):
        free = np.ones(problem.n_fine, dtype=np.bool_)
        free[[pin.fine for pin in problem.constraints.of(Pin)]] = False
        best = np.where(free, np.maximum(best, -prices[-1]), best)
        most = problem.n_fine if unused.at_most is None else min(unused.at_most, problem.n_fine)
        total += max(prices[-1] * most, 0.0)
    return float(best.sum() + total)


def _values(problem: RelationProblem) -> NDArray[np.float64]:
    """What each cell is worth with the prices that wishes put on it, -inf where ruled out."""
    values = problem.matrix.copy()
    for unused in problem.constraints.of(UnusedAllowed):
        values -= unused.price
    for close in problem.constraints.of(StayClose):
        known = np.flatnonzero(close.parents >= 0)
        values[known, close.parents[known]] += close.price
    for pin in problem.constraints.of(Pin):
        values[pin.fine, np.arange(problem.n_coarse) != pin.coarse] = -np.inf
    for forbid in problem.constraints.of(Forbid):
        values[forbid.fine, forbid.coarse] = -np.inf
    return values


def _columns(problem: RelationProblem, prices: NDArray[np.float64]) -> float:
    """Best that each column can earn at its price, over every allowed sum."""
    weight, target = problem.column_costs()
    lower, upper = problem.size_bounds()
    total = 0.0
    for coarse in range(problem.n_coarse):
        sums = np.arange(lower[coarse], max(upper[coarse], lower[coarse]) + 1)
        earned = prices[coarse] * sums - weight[coarse] * (sums - target[coarse]) ** 2
        total += float(earned.max())
    return total


def _constants(problem: RelationProblem) -> float:
    paid = problem.size_constant()
    for close in problem.constraints.of(StayClose):
        paid -= close.price * int((close.parents >= 0).sum())
    return paid
