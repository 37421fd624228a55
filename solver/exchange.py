r"""Exact min-cost flow on the exchange graph of the coarse classes.

Without linear rows the program is a separable convex min-cost flow: rows -> columns -> sink,
the arc of column k to the sink costing `G_k`. Every row is kept on its best column under the
current column prices and every sink arc at the amount that its price pays for, so an arc cost
is never negative once prices are taken off; what may be wrong is the balance of a node: rows it
holds less units it passes on. Contracted to one node per column, with an arc a -> b for the
cheapest row that could move, each round grows one shortest-path forest from all nodes with too
much, moves the prices by the distances, and pushes units along tight paths to nodes with too
little. When all balances are zero the assignment is optimal and the prices prove it.

Source: primal-dual shortest augmenting paths for convex flows (Ahuja, Magnanti and Orlin,
Network Flows, chapters 9 and 14); contraction to C nodes as in docs/relation-step.md. The
program holds whole numbers in float64, so every comparison here is exact.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .network import network_prices
from .prices import even_prices, greedy_prices, imbalance, paid_sizes, smooth_prices
from .program import Floats, IntegerProgram, Ints


@dataclass(frozen=True, eq=False)
class Flow:
    """An assignment with column prices.

    Attributes
    ----------
    parent : int (R,), column of each row
    prices : (K,), whole numbers; every row sits on its argmax of `profit - prices`
    status : "optimal", "feasible" (out of time), "infeasible" or "unknown" (out of time)
    rounds : shortest-path forests that were needed
    """

    parent: Ints
    prices: Floats
    status: str
    rounds: int


def solve_flow(
    program: IntegerProgram, *, prices: Floats | None = None, deadline: float | None = None
) -> Flow:
    """Solve the flow part of a program, whatever its linear rows say.

    Parameters
    ----------
    program : IntegerProgram
    prices : (K,), optional
        Column prices to start from, such as those of the previous solve.
    deadline : float, optional
        `time.perf_counter()` value after which the best assignment so far is returned.

    Returns
    -------
    Flow
        Optimal over all assignments within the column bounds, unless its status differs.
    """
    if not program.has_cells:
        nowhere = np.zeros(len(program.profit), dtype=np.int64)
        return Flow(nowhere, np.zeros(len(program.weight)), "infeasible", 0)
    graph = ExchangeGraph(program, first_prices(program) if prices is None else prices)
    rounds = 0
    while not graph.balanced:
        rounds += 1
        if not graph.improve():
            return graph.flow("infeasible", rounds)
        if deadline is not None and time.perf_counter() > deadline and not graph.balanced:
            return graph.flow("feasible" if graph.within_bounds else "unknown", rounds)
    return graph.flow("optimal" if graph.within_bounds else "infeasible", rounds)


def first_prices(program: IntegerProgram) -> Floats:
    """Return prices to start from, nearly balanced.

    When every row takes its best cell and pays what the last unit costs, little is wrong if
    the balance is small; one price for all is right if it is large and the columns are alike.
    Otherwise the smoothed dual points at the cells that matter and a sparse flow on these
    settles the prices.
    """
    few = len(program.weight) // 8
    tried: list[tuple[int, int, Floats]] = []
    for guess in (greedy_prices, even_prices, _network_guess):
        prices = np.rint(guess(program))
        tried.append((imbalance(program, prices), len(tried), prices))
        if tried[-1][0] <= few:
            return prices
    return min(tried)[2]


def _network_guess(program: IntegerProgram) -> Floats:
    return network_prices(program, np.rint(smooth_prices(program)))


class ExchangeGraph:
    """Assignment, prices and cheapest moves; node K, the last one, is the sink."""

    def __init__(self, program: IntegerProgram, prices: Floats, parent: Ints | None = None) -> None:
        self.program = program
        n_columns = len(program.weight)
        self.prices = np.append(np.rint(np.clip(prices, -program.penalty, program.penalty)), 0.0)
        best = (program.profit - self.prices[:-1]).argmax(axis=1) if parent is None else parent
        self.parent: Ints = best.astype(np.int64)
        self.sizes: Ints = np.bincount(self.parent, minlength=n_columns)
        self.passed: Ints = paid_sizes(program, self.prices[:-1], self.sizes)
        self.tight: dict[tuple[int, int], list[int]] = {}
        self.moves = np.full((n_columns + 1, n_columns + 1), np.inf)
        self._refresh_rows(np.arange(n_columns))
        self._refresh_sink()

    @property
    def excess(self) -> Ints:
        """Units that a node holds beyond those it passes on, int (K + 1,); sums to 0."""
        held = self.sizes - self.passed
        return np.append(held, -held.sum())

    @property
    def balanced(self) -> bool:
        """Whether every column passes on exactly the rows it holds."""
        return bool((self.sizes == self.passed).all())

    @property
    def within_bounds(self) -> bool:
        """Whether the rows as they sit now keep column bounds and forbidden pairs."""
        program, rows = self.program, np.arange(len(self.parent))
        return bool(
            (self.sizes >= program.lower).all()
            and (self.sizes <= program.upper).all()
            and np.isfinite(program.profit[rows, self.parent]).all()
        )

    def flow(self, status: str, rounds: int) -> Flow:
        """Return what has been reached, with prices relative to the sink's."""
        return Flow(self.parent, self.prices[:-1] - self.prices[-1], status, rounds)

    def improve(self) -> bool:
        """Grow one forest and push along its tight paths; False if no node can be reached."""
        excess = self.excess
        distance, before = self._shortest_paths(excess > 0)
        ends = np.flatnonzero((excess < 0) & np.isfinite(distance))
        if not ends.size:
            return False
        reduced = distance + self.prices
        ends = ends[np.argsort(reduced[ends], kind="stable")]
        self.prices -= np.minimum(reduced, reduced[np.isfinite(reduced)].max())
        touched: set[int] = set()
        self.tight.clear()
        for path in self._paths(before.tolist(), ends.tolist()):
            first, last = path[0], path[-1]
            while excess[first] > 0 and excess[last] < 0 and self._push(path):
                excess[first] -= 1
                excess[last] += 1
                touched.update(path)
        assert touched, "a shortest path must be tight"
        touched.discard(len(self.sizes))
        self._refresh_rows(np.array(sorted(touched)))
        self._refresh_sink()
        return True

    def _shortest_paths(self, sources: np.ndarray) -> tuple[Floats, Ints]:
        """Distance of each node from the sources at their prices, and the node before it."""
        distance = np.where(sources, -self.prices, np.inf)
        before = np.full(len(distance), -1)
        active = np.flatnonzero(sources)
        while active.size:
            through = self.moves[active] + distance[active, None]
            shorter = np.flatnonzero(through.min(axis=0) < distance)
            best = through[:, shorter].argmin(axis=0)
            distance[shorter] = through[best, shorter]
            before[shorter] = active[best]
            active = shorter
        return distance, before

    def _paths(self, before: list[int], ends: list[int]) -> Iterator[list[int]]:
        """Yield a tight path to each end; to the sink one through every column that has one."""
        sink = len(self.sizes)
        for end in ends:
            if end != sink:
                yield _climb(before, end)
                continue
            tight = self.moves[:-1, sink] == self.prices[:-1] - self.prices[sink]
            for column in np.flatnonzero(tight).tolist():
                path = _climb(before, column)
                if sink not in path:
                    yield [*path, sink]

    def _push(self, path: list[int]) -> bool:
        """Move one unit along a tight path; False if one of its arcs is used up."""
        arcs = list(pairwise(path))
        if not all(self._is_tight(a, b) for a, b in arcs):
            return False
        sink = len(self.sizes)
        for a, b in arcs:
            if b == sink:
                self.passed[a] += 1
            elif a == sink:
                self.passed[b] -= 1
            else:
                self.parent[self.tight[a, b].pop()] = b
                self.sizes[a] -= 1
                self.sizes[b] += 1
        return True

    def _is_tight(self, a: int, b: int) -> bool:
        """Whether a unit can still go from `a` to `b` at exactly the difference of prices."""
        sink, gain = len(self.sizes), self.prices[a] - self.prices[b]
        if b == sink:
            more = self.passed[a] < self.program.upper[a]
            return bool(more and self.program.marginal(self.passed[a], a) == gain)
        if a == sink:
            less = self.passed[b] > self.program.lower[b]
            return bool(less and self.program.marginal(self.passed[b] - 1, b) == -gain)
        if (a, b) not in self.tight:
            rows = (self.parent == a).nonzero()[0]
            loss = self.program.profit[rows, a] - self.program.profit[rows, b]
            self.tight[a, b] = rows[loss == gain].tolist()
        rows_left = self.tight[a, b]
        while rows_left and self.parent[rows_left[-1]] != a:
            rows_left.pop()
        return bool(rows_left)

    def _refresh_sink(self) -> None:
        """Recompute the arcs between columns and sink: next unit's cost, last unit's refund."""
        program, passed = self.program, self.passed
        more, less = program.marginal(passed), -program.marginal(passed - 1)
        self.moves[:-1, -1] = np.where(passed < program.upper, more, np.inf)
        self.moves[-1, :-1] = np.where(passed > program.lower, less, np.inf)

    def _refresh_rows(self, columns: Ints) -> None:
        """Recompute the cheapest moves out of `columns`."""
        if not columns.size:
            return
        self.moves[columns, :-1] = np.inf
        chosen = np.zeros(len(self.sizes), dtype=np.bool_)
        chosen[columns] = True
        rows = np.flatnonzero(chosen[self.parent])
        if rows.size == 0:
            return
        rows = rows[np.argsort(self.parent[rows], kind="stable")]
        owners = self.parent[rows]
        starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
        profit = self.program.profit[rows]
        loss = np.subtract(profit[np.arange(len(rows)), owners, None], profit, out=profit)
        self.moves[owners[starts], :-1] = np.minimum.reduceat(loss, starts, axis=0)


def _climb(before: list[int], end: int) -> list[int]:
    path = [end]
    while before[path[-1]] >= 0:
        path.append(before[path[-1]])
    return path[::-1]
