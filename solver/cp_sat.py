"""CP-SAT on the priced program: the solver of record.

Prices bound what any relation can be worth and say what each cell and each column sum costs
against that bound. Whatever costs more than a slack is in no relation within the slack of the
bound, so the model holds the rest only. Its answer is the optimum of the whole program as soon
as the answer itself lies within the slack; else the answer gives the slack for a second, final
model. A flow has slack zero: about one cell per row is left.

Source: reduced-cost fixing (Dantzig, Fulkerson and Johnson 1954) around the assignment models
of OR-Tools' CP-SAT. One worker, a fixed seed and deterministic time: the same input gives the
same relation.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from .program import IntegerProgram
from .relaxation import Relaxation, reduced_profit, size_window
from .rows import LinearRow

SEED = 1
TIES_PER_ROW = 3


@dataclass(frozen=True, eq=False)
class Answer:
    """A method's word on a program or on a restricted model.

    `chosen` is bool (R, K) or None; `value` and `bound` are whole numbers; `status` is one of
    CP-SAT's ("OPTIMAL", "FEASIBLE", "INFEASIBLE", "UNKNOWN"); `cells` were left to search.
    """

    status: str
    chosen: NDArray[np.bool_] | None
    value: int
    bound: int
    cells: int
    method: str = "cp_sat"


def solve_restricted(
    program: IntegerProgram,
    relaxation: Relaxation,
    *,
    slack: int,
    hint: NDArray[np.bool_] | None,
    proven: NDArray[np.bool_] | None,
    time_limit_s: float,
    deterministic: bool,
) -> Answer:
    """Solve the program over the cells and column sums that cost at most `slack`.

    `hint`, bool (R, K), is where CP-SAT starts. `proven` is a relation worth exactly the bound:
    with ties by the thousand, a few tied cells per row beside it are plenty to search.
    """
    model = RestrictedModel(program, relaxation, slack, proven)
    if hint is not None:
        model.add_hint(hint)
    solver = cp_model.CpSolver()
    solver.parameters.random_seed = SEED
    solver.parameters.max_time_in_seconds = max(time_limit_s, 1e-3)
    if deterministic:
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = max(time_limit_s, 1e-3)
    status = solver.status_name(solver.solve(model.model))
    assert status != "MODEL_INVALID", model.model.validate()
    return model.answer(solver, status)


class RestrictedModel:
    """The CP-SAT model: variables, constraints, objective, in this order.

    The objective is what a relation loses against the bound: reduced costs of its cells, of its
    column sums and of the room it leaves in priced rows. All are >= 0 and most are zero, which
    CP-SAT handles far better than large profits that nearly cancel. (With several parents per
    row the plain objective is used.)
    """

    def __init__(
        self,
        program: IntegerProgram,
        relaxation: Relaxation,
        slack: int,
        proven: NDArray[np.bool_] | None,
    ) -> None:
        self.program, self.relaxation = program, relaxation
        self.model = cp_model.CpModel()
        self.low, self.high = size_window(program, relaxation, slack)
        self.keep = _kept(relaxation, slack, proven)
        self.reduced = reduced_profit(program, relaxation.multipliers) if program.extra else None
        self.terms: list[cp_model.IntVar] = []
        self.prices: list[int] = []
        self._add_cells()
        self._add_rows()
        self._add_columns()
        multipliers = relaxation.multipliers.rows.tolist()
        for row, multiplier in zip(program.rows, multipliers, strict=True):
            self._add_linear_row(row, multiplier)
        self.model.minimize(cp_model.LinearExpr.weighted_sum(self.terms, self.prices))

    def add_hint(self, chosen: NDArray[np.bool_]) -> None:
        """Tell CP-SAT a relation to start from."""
        for (fine, coarse), cell in self.cells.items():
            self.model.add_hint(cell, bool(chosen[fine, coarse]))

    def answer(self, solver: cp_model.CpSolver, status: str) -> Answer:
        """Translate CP-SAT's result back to the matrix."""
        if status not in ("OPTIMAL", "FEASIBLE"):
            return Answer(status, None, 0, self.relaxation.bound, len(self.cells))
        chosen = np.zeros(self.keep.shape, dtype=np.bool_)
        chosen[self.fixed] = True
        for position, cell in self.cells.items():
            chosen[position] = solver.boolean_value(cell)
        value = value_of(self.program, chosen)
        room = solver.objective_value - solver.best_objective_bound
        bound = value if status == "OPTIMAL" else value + int(np.ceil(room))
        return Answer(status, chosen, value, max(bound, value), len(self.cells))

    def _add_cells(self) -> None:
        """One Boolean per kept cell; a row with a single open cell needs none."""
        single = self.keep.sum(axis=1) == 1
        if self.program.extra is not None:
            single[: self.program.n_fine] = False
        rows = np.flatnonzero(single)
        self.fixed = (rows, self.keep[rows].argmax(axis=1))
        open_cells = np.argwhere(self.keep & ~single[:, None]).tolist()
        self.cells = {(fine, coarse): self.model.new_bool_var("") for fine, coarse in open_cells}
        self.by_row: dict[int, list[cp_model.IntVar]] = {
            fine: [] for fine in np.flatnonzero(~single).tolist()
        }
        for (fine, coarse), cell in self.cells.items():
            self.by_row[fine].append(cell)
            self._pay(cell, self._cell_cost(fine, coarse))

    def _add_rows(self) -> None:
        """Each row has one parent, or several where `ExtraParents` says so."""
        extra = self.program.extra
        for fine, cells in self.by_row.items():
            if extra is None or fine >= self.program.n_fine:
                self.model.add_exactly_one(cells)
        if extra is None:
            return
        beyond = []
        for fine in range(self.program.n_fine):
            beyond.append(self._add_several(fine, extra.per_class))
            self._pay(beyond[-1], extra.price)
        self.model.add(cp_model.LinearExpr.sum(beyond) <= extra.budget)

    def _add_several(self, fine: int, per_class: int) -> cp_model.IntVar:
        """Return the number of parents beyond the first; 0 for an unused fine class."""
        beyond = self.model.new_int_var(0, per_class - 1, "")
        cells = self.by_row[fine]
        self.model.add(cp_model.LinearExpr.sum(cells) == beyond + 1)
        unused = self.cells.get((fine, self.program.unused or 0))
        if self.program.unused is not None and unused is not None:
            self.model.add(beyond == 0).only_enforce_if(unused)
        return beyond

    def _add_columns(self) -> None:
        """Column sums within their window, each unit above the least at its marginal cost."""
        held = np.bincount(self.fixed[1], minlength=self.keep.shape[1])
        columns: list[list[cp_model.IntVar]] = [[] for _ in held]
        for (_, coarse), cell in self.cells.items():
            columns[coarse].append(cell)
        low = np.maximum(self.low, held)
        for coarse, cells in enumerate(columns):
            high = min(int(self.high[coarse]), int(held[coarse]) + len(cells))
            self._add_column(coarse, cells, int(held[coarse]), int(low[coarse]), high)

    def _add_column(
        self, coarse: int, cells: list[cp_model.IntVar], held: int, low: int, high: int
    ) -> None:
        if not cells and held == low <= high:
            return
        if low > high:
            self.model.add_bool_or([])  # too few cells for the least sum: false
            return
        total = cp_model.LinearExpr.sum(cells) + held
        costs = self.program.marginal(np.arange(low, high), coarse)
        costs -= self.relaxation.multipliers.columns[coarse]
        if not costs.any():
            self.model.add_linear_constraint(total, low, high)
            return
        units = [self.model.new_bool_var("") for _ in costs]
        self.model.add(total == cp_model.LinearExpr.sum(units) + low)
        for unit, following in pairwise(units):
            self.model.add_implication(following, unit)
        for unit, cost in zip(units, costs.tolist(), strict=True):
            self._pay(unit, int(cost))

    def _cell_cost(self, fine: int, coarse: int) -> int:
        """Reduced cost; against zero rather than the row's best where it may take several."""
        if self.reduced is None or fine >= self.program.n_fine:
            return int(self.relaxation.cell_costs[fine, coarse])
        return -int(self.reduced[fine, coarse])

    def _add_linear_row(self, row: LinearRow, multiplier: int) -> None:
        constant, cells, signs = 0, [], []
        settled = set(zip(self.fixed[0].tolist(), self.fixed[1].tolist(), strict=True))
        for position, sign in zip(
            zip(row.fine.tolist(), row.coarse.tolist(), strict=True),
            row.coefficient.tolist(),
            strict=True,
        ):
            if position in self.cells:
                cells.append(self.cells[position])
                signs.append(sign)
            elif position in settled:
                constant += sign
        expression = cp_model.LinearExpr.weighted_sum(cells, signs) + constant
        self.model.add_linear_constraint(expression, row.lower, row.upper)
        if multiplier and row.lower < row.upper:
            limit = row.upper if multiplier > 0 else row.lower
            left = limit - expression if multiplier > 0 else expression - limit
            most = abs(limit) + int(np.abs(row.coefficient).sum())
            room = self.model.new_int_var(0, most, "")
            self.model.add(room == left)
            self._pay(room, abs(multiplier))

    def _pay(self, variable: cp_model.IntVar, amount: int) -> None:
        self.terms.append(variable)
        self.prices.append(amount)


def _kept(
    relaxation: Relaxation, slack: int, proven: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    keep: NDArray[np.bool_] = relaxation.cell_costs <= slack
    if proven is not None and keep.sum() > TIES_PER_ROW * len(keep):
        keep = (keep & (np.cumsum(keep, axis=1) <= TIES_PER_ROW)) | proven
    return keep


def value_of(program: IntegerProgram, chosen: NDArray[np.bool_]) -> int:
    """Return the exact whole-number value of chosen cells, bool (R, K)."""
    value = int(program.profit[chosen].astype(np.int64).sum())
    value -= int(program.size_costs(chosen.sum(axis=0)).sum())
    if program.extra is not None:
        real = chosen[: program.n_fine, : program.n_coarse].sum(axis=1)
        value -= program.extra.price * int(np.maximum(real - 1, 0).sum())
    return value
