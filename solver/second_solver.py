"""HiGHS on the same whole-number program, as a mixed-integer program of its own making.

Used by `verify` where prices alone cannot prove a bound, and by tests and the benchmark. SciPy
is optional here: without it there is no second opinion. HiGHS works in floating point, so its
answer holds to its tolerance (1e-9 relative gap), not exactly.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from .program import Floats, IntegerProgram

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def second_opinion(program: IntegerProgram, time_limit_s: float) -> float | None:
    """Return HiGHS's upper bound on the objective, in units of the affinity.

    -inf means that HiGHS found the program infeasible, None that it has no answer in time or
    that SciPy is not installed.
    """
    if importlib.util.find_spec("scipy") is None:
        return None
    from scipy.optimize import Bounds, LinearConstraint, milp

    model = _MixedInteger(program)
    if not model.cost:
        return -np.inf
    result = milp(
        model.costs(),
        integrality=np.ones(len(model.cost)),
        bounds=Bounds(0, np.array(model.most)),
        constraints=LinearConstraint(model.matrix(), model.low, model.high),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    if result.status == 2:
        return -np.inf
    if result.status != 0:
        return None
    base = int(program.size_costs(program.lower).sum())
    bound: float = (-result.mip_dual_bound * model.unit - base) / program.scale + program.offset
    return bound


class _MixedInteger:
    """Variables and rows in growing lists: cells, unit steps of columns, extra parents."""

    def __init__(self, program: IntegerProgram) -> None:
        self.program = program
        self.unit = float(np.abs(program.profit[np.isfinite(program.profit)]).max(initial=1.0))
        self.cost: list[float] = []
        self.most: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.cell = np.full(program.profit.shape, -1)
        for fine, coarse in np.argwhere(np.isfinite(program.profit)).tolist():
            self.cell[fine, coarse] = self._variable(1, -program.profit[fine, coarse])
        self._add_parents()
        self._add_columns()
        for row in program.rows:
            self._add_row(self.cell[row.fine, row.coarse], row.coefficient, row.lower, row.upper)

    def costs(self) -> Floats:
        """Objective to minimise, in units of the largest profit."""
        return np.array(self.cost) / self.unit

    def matrix(self) -> csr_array[Any]:
        """Constraint matrix, sparse."""
        from scipy.sparse import csr_array

        row, column, value = np.array(self.entries, dtype=np.float64).reshape(-1, 3).T
        places = (row.astype(np.int64), column.astype(np.int64))
        return csr_array((value, places), shape=(len(self.low), len(self.cost)))

    def _variable(self, most: float, cost: float) -> int:
        self.most.append(most)
        self.cost.append(float(cost))
        return len(self.cost) - 1

    def _add_row(self, variables: Any, signs: Any, low: float, high: float) -> None:
        number = len(self.low)
        for variable, sign in zip(variables, signs, strict=True):
            if variable >= 0:
                self.entries.append((number, int(variable), float(sign)))
        self.low.append(low)
        self.high.append(high)

    def _add_parents(self) -> None:
        program, beyond = self.program, []
        for fine, cells in enumerate(self.cell):
            more = []
            if program.extra is not None and fine < program.n_fine:
                more = [self._variable(program.extra.per_class - 1, program.extra.price)]
                self._forbid_extra_when_unused(fine, more[0], program.extra.per_class)
            beyond += more
            self._add_row([*cells, *more], [1] * len(cells) + [-1] * len(more), 1, 1)
        if program.extra is not None:
            self._add_row(beyond, np.ones(len(beyond)), 0, program.extra.budget)

    def _forbid_extra_when_unused(self, fine: int, beyond: int, per_class: int) -> None:
        if self.program.unused is not None:
            unused = self.cell[fine, self.program.unused]
            self._add_row([beyond, unused], [1, per_class - 1], 0, per_class - 1)

    def _add_columns(self) -> None:
        program = self.program
        for coarse, (low, high) in enumerate(zip(program.lower, program.upper, strict=True)):
            held = self.cell[:, coarse][self.cell[:, coarse] >= 0]
            steps = np.arange(low, min(high, max(len(held), low)))
            costs = program.marginal(steps, np.full_like(steps, coarse))
            units = [self._variable(1, cost) for cost in costs]
            signs = [1] * len(held) + [-1] * len(units)
            self._add_row([*held, *units], signs, low, low)
