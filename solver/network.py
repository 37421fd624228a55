"""Column prices from OR-Tools' min-cost flow on the few cells that matter.

Rows keep the cells with the best reduced profit, columns a window of sums around what the
prices pay for. The flow of this sparse network is solved exactly; shortest paths in its residual
graph give column prices; rows that would rather sit on a cell left out get it, and again. The
result is a guess: `exchange` works on all cells and finishes whatever is left, so nothing here
can make an answer wrong.

Source: OR-Tools SimpleMinCostFlow (cost scaling, Goldberg and Tarjan); column generation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import min_cost_flow

from .prices import paid_sizes
from .program import Floats, IntegerProgram, Ints

CELLS_PER_ROW = 6
WINDOW = 8
PASSES = 20


def network_prices(program: IntegerProgram, prices: Floats) -> Floats:
    """Return the column prices of the sparse flow around `prices`; these if it is infeasible."""
    rows, columns = best_cells(program, prices)
    window = size_range(program, prices)
    for _ in range(PASSES):
        parent = _sparse_flow(program, rows, columns, window)
        if parent is None:
            return prices
        moves = _sparse_moves(program, rows, columns, window, parent)
        prices = _potentials(moves, prices)
        missed = _missed_cells(program, prices, parent)
        if not missed[0].size:
            break
        rows, columns = np.r_[rows, missed[0]], np.r_[columns, missed[1]]
    return prices


def _missed_cells(program: IntegerProgram, prices: Floats, parent: Ints) -> tuple[Ints, Ints]:
    """Cells that rows would rather have than the one they got, a few of the best per row."""
    reduced = program.profit - prices
    got = reduced[np.arange(len(parent)), parent]
    rows = np.flatnonzero(reduced.max(axis=1) > got)
    reduced = reduced[rows]
    kept = min(CELLS_PER_ROW, reduced.shape[1])
    best = np.argpartition(-reduced, kept - 1, axis=1)[:, :kept]
    wanted = np.take_along_axis(reduced, best, axis=1) > got[rows, None]
    return np.repeat(rows, kept)[wanted.ravel()], best[wanted]


def best_cells(program: IntegerProgram, prices: Floats) -> tuple[Ints, Ints]:
    """The cheapest cells of each row, and of each column so that it can be filled."""
    cost = prices - program.profit
    cost -= cost.min(axis=1, keepdims=True)
    n_rows, n_columns = cost.shape
    of_row = min(CELLS_PER_ROW, n_columns)
    of_column = min(2 * (n_rows // n_columns) + 2, n_rows)
    kept = np.zeros(cost.shape, dtype=np.bool_)
    best = np.argpartition(cost, of_row - 1, axis=1)[:, :of_row]
    np.put_along_axis(kept, best, True, axis=1)
    best = np.argpartition(cost.T, of_column - 1, axis=1)[:, :of_column]
    np.put_along_axis(kept.T, best, True, axis=1)
    rows, columns = np.nonzero(kept)
    allowed = np.isfinite(program.profit[rows, columns])
    return rows[allowed], columns[allowed]


def size_range(program: IntegerProgram, prices: Floats) -> tuple[Ints, Ints]:
    """Column sums worth considering at these prices; all of them where sums cost nothing."""
    held = np.bincount((program.profit - prices).argmax(axis=1), minlength=len(prices))
    paid = paid_sizes(program, prices, held)
    free = program.weight == 0
    low = np.maximum(np.minimum(paid, held) - WINDOW, program.lower)
    high = np.minimum(np.maximum(paid, held) + WINDOW, program.upper)
    low = np.minimum(low, program.upper)
    return np.where(free, program.lower, low), np.where(free, program.upper, np.maximum(high, low))


def _sparse_flow(
    program: IntegerProgram, rows: Ints, columns: Ints, window: tuple[Ints, Ints]
) -> Ints | None:
    """Solve rows -> columns -> sink; parents int (R,), or None if the window holds no flow."""
    n_rows, n_columns = program.profit.shape
    low, high = window
    unit, capacity, cost = _sink_arcs(program, low, high)
    flow = min_cost_flow.SimpleMinCostFlow()
    gain = program.profit[rows, columns].astype(np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(
        rows, n_rows + columns, np.ones_like(rows), gain.max(initial=0) - gain
    )
    sink = n_rows + n_columns
    flow.add_arcs_with_capacity_and_unit_cost(
        n_rows + unit, np.full_like(unit, sink), capacity, cost
    )
    supply = np.r_[np.ones(n_rows, dtype=np.int64), -low, low.sum() - n_rows]
    flow.set_nodes_supplies(np.arange(sink + 1), supply)
    if low.sum() > n_rows or flow.solve() != flow.OPTIMAL:
        return None
    used = flow.flows(np.arange(len(rows))) > 0
    parent = np.zeros(n_rows, dtype=np.int64)
    parent[rows[used]] = columns[used]
    return parent


def _sink_arcs(program: IntegerProgram, low: Ints, high: Ints) -> tuple[Ints, Ints, Ints]:
    """Unit arcs at rising cost; one wide arc where units cost nothing."""
    free = program.weight == 0
    count = np.where(free, 0, high - low)
    unit = np.repeat(np.arange(len(low)), count)
    step = np.arange(len(unit)) - np.repeat(np.cumsum(count) - count, count) + low[unit]
    cost = program.marginal(step, unit).astype(np.int64)
    wide = np.flatnonzero(free)
    return (
        np.r_[unit, wide],
        np.r_[np.ones_like(unit), (high - low)[wide]],
        np.r_[cost, np.zeros_like(wide)],
    )


def _potentials(moves: Floats, prices: Floats) -> Floats:
    """Column prices that prove the sparse flow optimal, no further from `prices` than needed."""
    distance = np.append(-prices, 0.0)
    active: NDArray[np.int64] = np.arange(len(moves))
    while active.size:
        shorter = np.minimum(distance, (moves[active] + distance[active, None]).min(axis=0))
        active = np.flatnonzero(shorter < distance)
        distance = shorter
    found: Floats = distance[-1] - distance[:-1]
    return found


def _sparse_moves(
    program: IntegerProgram,
    rows: Ints,
    columns: Ints,
    window: tuple[Ints, Ints],
    parent: Ints,
) -> Floats:
    """Cheapest moves between columns over the kept cells; node K is the sink."""
    n_columns = len(program.weight)
    sizes = np.bincount(parent, minlength=n_columns)
    moves = np.full((n_columns + 1, n_columns + 1), np.inf)
    loss = program.profit[rows, parent[rows]] - program.profit[rows, columns]
    np.minimum.at(moves, (parent[rows], columns), loss)
    more, less = program.marginal(sizes), -program.marginal(sizes - 1)
    moves[:-1, -1] = np.where(sizes < window[1], more, np.inf)
    moves[-1, :-1] = np.where(sizes > window[0], less, np.inf)
    return moves
