"""Column prices: what they pay for, the bound that they prove, and a quick first guess.

Weak duality: for ANY column prices y (and multipliers of the linear rows, see `relaxation`),

    sum_i max_k (profit[i, k] - y_k)  +  sum_k max_{lower <= n <= upper} (y_k n - G_k(n))

is at least the value of every feasible relation. All sums are exact whole numbers.
"""

from __future__ import annotations

import numpy as np

from .program import Floats, IntegerProgram, Ints

LAST_TEMPERATURE = 1 / 16  # of the spread that rows and columns do not explain
SAMPLE_CELLS = 2_000_000


def paid_sizes(program: IntegerProgram, prices: Floats, held: Ints) -> Ints:
    """Return column sums that pay best at these prices: an argmax of `y_k n - G_k(n)`.

    Units with a marginal below the price are taken and those above are not; among the units
    at the price as many as bring the sum nearest to `held`. int64 (K,), within the bounds.
    """
    slope = 2 * program.weight * program.scale
    flat = slope == 0
    guess = np.where(prices > 0, program.upper, program.lower).astype(np.float64)
    guess[flat & (prices == 0)] = held[flat & (prices == 0)]
    np.divide(prices, slope, out=guess, where=~flat)
    guess[~flat] += program.target[~flat] + 0.5
    sizes = np.clip(np.rint(guess), program.lower, program.upper).astype(np.int64)
    while True:  # the marginals are rounded, so the guess may be off by one or at a tie
        more, less = program.marginal(sizes), program.marginal(sizes - 1)
        up = (more < prices) | ((more == prices) & (sizes < held))
        down = (less > prices) | ((less == prices) & (sizes > held))
        step = (up & (sizes < program.upper)).astype(np.int64) - (down & (sizes > program.lower))
        if not step.any():
            return sizes
        sizes += step


def imbalance(program: IntegerProgram, prices: Floats) -> int:
    """Units that rows on their best columns hold in excess of what the prices pay for."""
    parent = (program.profit - prices).argmax(axis=1)
    held = np.bincount(parent, minlength=len(prices))
    return int(np.abs(held - paid_sizes(program, prices, held)).sum())


def greedy_prices(program: IntegerProgram) -> Floats:
    """Cost of the last unit per column when every row takes its best cell."""
    held = np.bincount(program.profit.argmax(axis=1), minlength=len(program.weight))
    held = np.clip(held, program.lower, program.upper)
    return program.marginal(np.maximum(held - 1, 0))


def even_prices(program: IntegerProgram) -> Floats:
    """One price for all columns, such that it pays for all rows."""
    return settled(program, np.zeros(len(program.weight)))


def settled(program: IntegerProgram, prices: Floats) -> Floats:
    """Shift all prices by one amount, such that they pay for about as many units as rows.

    A column without a size cost pays for any sum at price 0, so with one there is no shift.
    """
    slope = 2 * program.weight * program.scale
    if not slope.all():
        return prices
    starts = prices - slope * (program.upper - program.target - 0.5)
    ends = prices - slope * (program.lower - program.target - 0.5)
    shifts, bends = np.r_[starts, ends], np.r_[-1 / slope, 1 / slope]
    order = np.argsort(shifts, kind="stable")
    shifts, falling = shifts[order], np.cumsum(bends[order])[:-1]
    units = program.upper.sum() + np.r_[0.0, np.cumsum(falling * np.diff(shifts))]
    return prices - float(np.interp(-len(program.profit), -units, shifts))


def smooth_prices(program: IntegerProgram) -> Floats:
    """Prices near the dual optimum: Newton steps on the dual with a soft row maximum.

    With a temperature T the row maximum becomes `T log sum exp(. / T)`, the dual is smooth, and
    its Hessian is `diag(load) / T - S'S / T + diag(d paid / d y)` with S the soft assignment.
    The temperature falls from the spread of all profits to a fraction of the spread within
    columns; steps are clipped to a few temperatures. A sample of the rows is enough.
    """
    profit, ratio = _sample(program)
    spread, fine = _spreads(profit)
    prices = np.zeros(len(program.weight))
    if spread == 0:
        return prices
    levels = int(np.ceil(np.log2(max(2 * spread / (fine * LAST_TEMPERATURE), 1)))) + 1
    for temperature in np.append(2 * spread / 2.0 ** np.arange(levels), fine * LAST_TEMPERATURE):
        prices -= _newton_step(program, profit, ratio, prices, float(temperature), spread)
    flat = (program.weight == 0) & (prices > -fine * LAST_TEMPERATURE)
    return settled(program, np.where(flat, 0.0, prices))


def _sample(program: IntegerProgram) -> tuple[Floats, float]:
    """Every n-th row, such that columns keep about eight rows, and what a row stands for."""
    n_rows, n_columns = program.profit.shape
    wanted = max(8 * n_columns, 64) if n_columns**2 * 8 < SAMPLE_CELLS else 2 * n_columns
    every = max(n_rows // wanted, 1)
    sample = program.profit[::every]
    return sample, n_rows / len(sample)


def _spreads(profit: Floats) -> tuple[float, float]:
    """Standard deviations of all profits, and of what rows and columns do not explain."""
    filled = np.where(np.isfinite(profit), profit, 0.0)
    spread = float(filled.std())
    filled -= filled.mean(axis=0)
    filled -= filled.mean(axis=1, keepdims=True)
    return spread, max(float(filled.std()), 1e-3 * spread)


def _newton_step(
    program: IntegerProgram,
    profit: Floats,
    ratio: float,
    prices: Floats,
    temperature: float,
    spread: float,
) -> Floats:
    soft = (profit - prices) / temperature
    soft -= soft.max(axis=1, keepdims=True)
    np.exp(soft, out=soft)
    soft /= soft.sum(axis=1, keepdims=True)
    load = soft.sum(axis=0) * ratio
    paid, slope = _soft_paid(program, prices, temperature)
    hessian = soft.T @ soft * (-ratio / temperature)
    diagonal = np.arange(len(prices))
    hessian[diagonal, diagonal] += (load + 1e-6 * load.mean()) / temperature + slope
    step = np.linalg.solve(hessian, paid - load)
    common = float(np.median(step))
    bounded = np.clip(step - common, -3 * temperature, 3 * temperature)
    moved: Floats = bounded + np.clip(common, -4 * spread, 4 * spread)
    return moved


def _soft_paid(
    program: IntegerProgram, prices: Floats, temperature: float
) -> tuple[Floats, Floats]:
    """Column sums that the prices pay for, as a continuous function, and its slope."""
    even = len(program.profit) / len(prices)
    steepness = 2 * np.maximum(program.scale * program.weight, 0.01 * temperature / even)
    free = prices / steepness + program.target
    inside = (free > program.lower) & (free < program.upper)
    return np.clip(free, program.lower, program.upper), inside / steepness
