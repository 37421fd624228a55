"""Prices for the rows that no column can carry, from the linear relaxation over few cells.

The flow gives the cells that matter when the linear rows are ignored. The linear program over
these cells, with column sums as unit steps, yields column prices, a multiplier per linear row
and the price of the extra-parent budget; cells that would enter at these prices are added and
the program is solved again. Its numbers are floating point and only a guess: they are rounded,
and `relaxation` turns whatever they are into an exact bound.

Source: Dantzig-Wolfe pricing with OR-Tools' GLOP.
"""

from __future__ import annotations

import time

import numpy as np
from ortools.linear_solver import pywraplp

from .network import best_cells, size_range
from .program import Floats, IntegerProgram, Ints
from .relaxation import Multipliers, Relaxation, relax
from .rows import NO_LIMIT

PASSES = 12
SMALL_ROW = 4  # linear rows of so few cells name fine classes that need every cell


def price_rows(program: IntegerProgram, priced: Relaxation, deadline: float) -> Relaxation:
    """Return the best relaxation found; `priced`, the flow's, if the linear program fails."""
    best, prices = priced, priced.multipliers.columns
    if program.is_flow:
        return best
    kept = _first_cells(program, prices)
    for _ in range(PASSES):
        if time.perf_counter() > deadline:
            break
        multipliers = _LinearProgram(program, kept, prices).solve(deadline)
        if multipliers is None:
            if kept.all():
                break
            kept[:] = True
            continue
        found = relax(program, multipliers)
        best = found if found.bound < best.bound else best
        missed = _missed(found, kept)
        if not missed.any():
            break
        kept |= missed
    return best


def _first_cells(program: IntegerProgram, prices: Floats) -> np.ndarray:
    kept = np.zeros(program.profit.shape, dtype=np.bool_)
    kept[best_cells(program, prices)] = True
    for row in program.rows:
        if len(row.fine) <= SMALL_ROW:
            kept[row.fine] = True
    if program.unused is not None:
        kept[:, program.unused] = True
    return kept


def _missed(found: Relaxation, kept: np.ndarray) -> np.ndarray:
    """Cells outside that a row likes as well as the best it has inside."""
    outside = np.where(kept, np.inf, found.cell_costs)
    inside = np.where(kept, found.cell_costs, np.inf).min(axis=1, keepdims=True)
    missed: np.ndarray = outside < inside
    return missed


class _LinearProgram:
    """The relaxation over the kept cells, in units of the largest profit."""

    def __init__(self, program: IntegerProgram, kept: np.ndarray, prices: Floats) -> None:
        self.program = program
        self.solver = pywraplp.Solver("relation", pywraplp.Solver.GLOP_LINEAR_PROGRAMMING)
        self.unit = float(np.abs(program.profit[np.isfinite(program.profit)]).max()) or 1.0
        self.goal = self.solver.Objective()
        self.goal.SetMaximization()
        fine, coarse = np.nonzero(kept & np.isfinite(program.profit))
        self.cells = {
            place: self._variable(1.0, float(program.profit[place]))
            for place in zip(fine.tolist(), coarse.tolist(), strict=True)
        }
        self._add_parents()
        self.columns = self._add_columns(*size_range(program, prices))
        self.rows = [self._add_row(index) for index in range(len(program.rows))]

    def solve(self, deadline: float) -> Multipliers | None:
        """Return the rounded dual solution, or None if the kept cells hold no relation."""
        self.solver.SetTimeLimit(max(int(1e3 * (deadline - time.perf_counter())), 1))
        if self.solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        dual = [row.dual_value() * self.unit for row in self.columns]
        rows = [self._multiplier(index) for index in range(len(self.rows))]
        budget = max(self.budget.dual_value(), 0.0) * self.unit if self.budget else 0.0
        return Multipliers(
            np.rint(np.array(dual)), np.rint(np.array(rows)).astype(np.int64), round(budget)
        )

    def _multiplier(self, index: int) -> float:
        """Dual value of a linear row, with the sign that its open side allows."""
        row, constraint = self.program.rows[index], self.rows[index]
        if constraint is None:
            return 0.0
        dual = float(constraint.dual_value()) * self.unit
        least = 0.0 if row.lower <= -NO_LIMIT else -np.inf
        most = 0.0 if row.upper >= NO_LIMIT else np.inf
        return float(np.clip(dual, least, most))

    def _variable(self, most: float, profit: float) -> pywraplp.Variable:
        variable = self.solver.NumVar(0.0, most, "")
        self.goal.SetCoefficient(variable, profit / self.unit)
        return variable

    def _add_parents(self) -> None:
        extra = self.program.extra
        parents = [self.solver.Constraint(1.0, 1.0) for _ in self.program.profit]
        for (fine, _), cell in self.cells.items():
            parents[fine].SetCoefficient(cell, 1.0)
        self.budget = None
        if extra is None:
            return
        self.budget = self.solver.Constraint(-self.solver.infinity(), float(extra.budget))
        for fine in range(self.program.n_fine):
            beyond = self._variable(extra.per_class - 1.0, -float(extra.price))
            parents[fine].SetCoefficient(beyond, -1.0)
            self.budget.SetCoefficient(beyond, 1.0)

    def _add_columns(self, low: Ints, high: Ints) -> list[pywraplp.Constraint]:
        """Column sums: the least of the window, and unit steps at their marginal costs."""
        columns = [self.solver.Constraint(float(least), float(least)) for least in low]
        for (_, coarse), cell in self.cells.items():
            columns[coarse].SetCoefficient(cell, 1.0)
        for coarse, column in enumerate(columns):
            if self.program.weight[coarse] == 0:
                column.SetCoefficient(self._variable(float((high - low)[coarse]), 0.0), -1.0)
                continue
            steps = np.arange(low[coarse], high[coarse])
            for cost in self.program.marginal(steps, np.full_like(steps, coarse)).tolist():
                column.SetCoefficient(self._variable(1.0, -cost), -1.0)
        return columns

    def _add_row(self, index: int) -> pywraplp.Constraint | None:
        row = self.program.rows[index]
        places = zip(row.fine.tolist(), row.coarse.tolist(), strict=True)
        held = [
            (self.cells[place], sign)
            for place, sign in zip(places, row.coefficient.tolist(), strict=True)
            if place in self.cells
        ]
        if not held:
            return None
        constraint = self.solver.Constraint(float(row.lower), float(row.upper))
        for cell, sign in held:
            constraint.SetCoefficient(cell, float(sign))
        return constraint
