"""Prices as a proof: the bound of weak duality and what each cell costs against it.

Take column prices y, multipliers m of the linear rows and a price e of the extra-parent budget.
With `q = profit - y - sum_r m_r coefficient_r`, every feasible relation is worth at most

    sum_i best_i(q) + sum_k max_n (y_k n - G_k(n)) + sum_r max(m_r upper_r, m_r lower_r) + e B

where `best_i` is the best choice that row i may make on its own. Forcing a cell or a column sum
lowers this bound by its reduced cost, so whatever costs more than `bound - incumbent` is in no
better relation. All numbers are whole, so nothing is lost to rounding.

Source: Lagrangian relaxation and reduced-cost fixing, as in docs/relation-step.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prices import paid_sizes
from .program import Floats, IntegerProgram, Ints

MANY = 2**40  # more units than any column can hold


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Dual solution in whole numbers: column prices (K,), one per linear row, budget price."""

    columns: Floats
    rows: Ints
    budget: int = 0


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A proven bound with the reduced costs that come with it.

    Attributes
    ----------
    multipliers : Multipliers
    bound : int, no relation is worth more
    cell_costs : (R, K), whole and >= 0, inf where forbidden: a relation that holds the cell is
        worth at most `bound - cost`
    paid : int (K,), column sums that cost nothing
    """

    multipliers: Multipliers
    bound: int
    cell_costs: Floats
    paid: Ints


def relax(program: IntegerProgram, multipliers: Multipliers) -> Relaxation:
    """Evaluate the dual bound and the reduced costs of any multipliers, exactly."""
    reduced = reduced_profit(program, multipliers)
    best, cell_costs = _row_choices(program, reduced, multipliers.budget)
    prices = multipliers.columns
    paid = paid_sizes(program, prices, program.lower)
    bound = sum(map(int, best)) - int(program.size_costs(paid).sum())
    bound += sum(int(y) * int(n) for y, n in zip(prices, paid, strict=True))
    for row, multiplier in zip(program.rows, map(int, multipliers.rows), strict=True):
        bound += multiplier * (row.upper if multiplier > 0 else row.lower)
    if program.extra is not None:
        bound += multipliers.budget * program.extra.budget
    return Relaxation(multipliers, bound, cell_costs, paid)


def reduced_profit(program: IntegerProgram, multipliers: Multipliers) -> Floats:
    """Return `profit - y - sum_r m_r coefficient_r`, (R, K)."""
    reduced = program.profit - multipliers.columns
    for row, multiplier in zip(program.rows, multipliers.rows, strict=True):
        if multiplier:
            np.subtract.at(reduced, (row.fine, row.coarse), multiplier * row.coefficient)
    return reduced


def size_window(program: IntegerProgram, relaxation: Relaxation, slack: int) -> tuple[Ints, Ints]:
    """Return the least and largest column sums whose reduced cost is at most `slack`."""
    prices, paid = relaxation.multipliers.columns, relaxation.paid
    flat = program.weight == 0
    less, more = _affordable(prices, slack, flat), _affordable(-prices, slack, flat)
    low, high = np.maximum(paid - less, program.lower), np.minimum(paid + more, program.upper)
    spent = np.where(flat, np.inf, 0.0)
    while (step := high < program.upper).any():
        spent += np.where(step, program.marginal(high) - prices, np.inf)
        if not (step := spent <= slack).any():
            break
        high += step
    spent = np.where(flat, np.inf, 0.0)
    while (step := low > program.lower).any():
        spent += np.where(step, prices - program.marginal(low - 1), np.inf)
        if not (step := spent <= slack).any():
            break
        low -= step
    return low, high


def _affordable(loss: Floats, slack: int, flat: NDArray[np.bool_]) -> Ints:
    """Units that `slack` pays for at a constant `loss` each; 0 in columns that are not flat."""
    units = np.full(len(loss), float(MANY))
    np.divide(slack, loss, out=units, where=loss > 0)
    return np.where(flat, np.minimum(np.floor(units), MANY), 0).astype(np.int64)


def _row_choices(program: IntegerProgram, reduced: Floats, budget: int) -> tuple[Floats, Floats]:
    """Best value of each row and the cost of every cell against it."""
    best = reduced.max(axis=1)
    best = np.where(np.isfinite(best), best, 0.0)
    costs = np.subtract(best[:, None], reduced, out=None if program.extra else reduced)
    if program.extra is None:
        return best, costs
    return _several_parents(program, reduced, best, costs, budget)


def _several_parents(
    program: IntegerProgram, reduced: Floats, best: Floats, costs: Floats, budget: int
) -> tuple[Floats, Floats]:
    """Rows of the relation may take several columns, each after the first at a price."""
    assert program.extra is not None
    price, most = program.extra.price + budget, program.extra.per_class
    real = reduced[: program.n_fine, : program.n_coarse] - price
    ranked = -np.sort(-real, axis=1)[:, :most]
    taken = np.maximum((ranked > 0).sum(axis=1), 1)
    picked = np.arange(ranked.shape[1]) < taken[:, None]
    value = np.where(picked, ranked, 0.0).sum(axis=1) + price
    last = ranked[np.arange(len(ranked)), taken - 1]
    full = taken == ranked.shape[1] if ranked.shape[1] < most else taken == most
    threshold = np.where(full, last, np.minimum(last, 0.0))
    loss = np.full(real.shape, np.inf)
    open_cells = np.isfinite(real)
    np.subtract(threshold[:, None], real, out=loss, where=open_cells)
    np.maximum(loss, 0.0, out=loss)
    top = value if program.unused is None else np.maximum(value, reduced[: len(value), -1])
    best[: len(value)] = top
    lost = np.subtract(top, value, out=np.zeros_like(top), where=np.isfinite(value))
    costs[: len(value), : program.n_coarse] = loss + lost[:, None]
    if program.unused is not None:
        costs[: len(value), -1] = top - reduced[: len(value), -1]
    return best, costs
