"""Which wishes cannot hold together, as a smallest set and as a sentence.

Wishes that keep the flow structure are decided by a maximum flow, whose minimum cut is the reason
(`min_cut`). For others a feasibility model (assumptions and an objective exclude each other in
CP-SAT) gives every wish a switch, and CP-SAT names a set of switches that cannot all be on.
Wishes are then left out one at a time, and those that turn out to be needed for the conflict
remain. The set is minimal: without any one of its members the rest can hold.

Source: minimum cuts; CP-SAT assumptions; deletion filter (Chinneck and Dravnieks 1991).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ortools.sat.python import cp_model

from .constraints import Constraint
from .cp_sat import SEED
from .flow_constraints import SizeBounds, UnusedAllowed
from .min_cut import Cut, keeps_flow, minimum_cut
from .problem import RelationProblem
from .rows import LinearRow, wish_rows
from .side_constraints import ExtraParents, SourceTie


@dataclass(frozen=True)
class Explanation:
    """Why a problem has no relation.

    Parameters
    ----------
    ids : tuple of str
        A minimal set of constraint ids that cannot hold together; empty if the problem is
        feasible, if time ran out, or if it fails without any constraint.
    sentence : str
        The same in words.
    status : str
        "infeasible", "feasible", or "unknown" when time ran out.
    cut : Cut or None
        The minimum cut where the set keeps the flow structure: which fine and which coarse
        classes clash, with what is asked and what there is room for.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, Forbid, Pin, RelationProblem, explain_infeasible
    >>> clash = Constraints((Pin("yes", 0, 1), Forbid("no", 0, 1), Forbid("other", 2, 0)))
    >>> explain_infeasible(RelationProblem(np.ones((3, 2)), constraints=clash)).ids
    ('yes', 'no')
    """

    ids: tuple[str, ...]
    sentence: str
    status: str
    cut: Cut | None = None


def explain_infeasible(problem: RelationProblem, *, time_limit_s: float = 30.0) -> Explanation:
    """Name a minimal set of constraints that cannot hold together.

    Parameters
    ----------
    problem : RelationProblem
        A problem that `solve` finds infeasible.
    time_limit_s : float > 0
        Limit of each of the feasibility solves, in seconds.

    Returns
    -------
    Explanation
        The constraints by id, in words, and the minimum cut where there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, Forbid, Pin, RelationProblem, explain_infeasible
    >>> clash = Constraints((Pin("yes", 0, 1), Forbid("no", 0, 1), Forbid("other", 2, 0)))
    >>> explain_infeasible(RelationProblem(np.ones((3, 2)), constraints=clash)).ids
    ('yes', 'no')
    """
    status, core = _conflict(problem, problem.constraints, time_limit_s)
    if status == cp_model.UNKNOWN:
        return Explanation((), "Time ran out before the wishes were decided.", "unknown")
    if status != cp_model.INFEASIBLE:
        return Explanation((), "All wishes can hold together.", "feasible")
    core = _minimal(problem, core, time_limit_s)
    cut = minimum_cut(problem, core) if keeps_flow(core) else None
    sentence = _sentence(problem, core, cut)
    return Explanation(tuple(item.id for item in core), sentence, "infeasible", cut)


def _minimal(
    problem: RelationProblem, core: list[Constraint], time_limit_s: float
) -> list[Constraint]:
    """Leave out one wish at a time as long as the rest still clashes."""
    for item in list(core):
        rest = [other for other in core if other is not item]
        status, smaller = _conflict(problem, rest, time_limit_s)
        if status == cp_model.INFEASIBLE and item in core:
            core = smaller
    return core


def _conflict(
    problem: RelationProblem, wishes: Iterable[Constraint], time_limit_s: float
) -> tuple[cp_model.CpSolverStatus, list[Constraint]]:
    """Decide a set of wishes; returns the status and, if infeasible, a clashing subset."""
    asked = list(wishes)
    if keeps_flow(asked):
        cut = minimum_cut(problem, asked)
        if cut is None:
            return cp_model.FEASIBLE, []
        return cp_model.INFEASIBLE, [x for x in asked if cut.touches(x, problem.n_coarse)]
    model = _FeasibilityModel(problem)
    for item in asked:
        model.add_wish(item)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_time_in_seconds = time_limit_s
    status = solver.solve(model.model)
    if status != cp_model.INFEASIBLE:
        return status, []
    named = set(solver.sufficient_assumptions_for_infeasibility())
    return status, [item for item in asked if model.switches[item.id].index in named]


class _FeasibilityModel:
    """All cells, the program's own rules, and a switch per wish."""

    def __init__(self, problem: RelationProblem) -> None:
        self.problem = problem
        self.model = cp_model.CpModel()
        self.switches: dict[str, cp_model.IntVar] = {}
        ties = problem.constraints.of(SourceTie)
        self.blocks = [(problem.n_fine, 0, problem.n_coarse)]
        for tie in ties:
            first = self.blocks[-1][2]
            self.blocks.append((problem.n_fine, first, first + tie.matrix.shape[1]))
        self.cells = {
            (number * problem.n_fine + fine, coarse): self.model.new_bool_var("")
            for number, (rows, first, last) in enumerate(self.blocks)
            for fine in range(rows)
            for coarse in range(first, last)
        }
        self._add_parents()
        self._add_columns()

    def add_wish(self, item: Constraint) -> None:
        """State one wish under a switch of its own, and assume the switch."""
        switch = self.switches[item.id] = self.model.new_bool_var(item.id)
        self.model.add_assumption(switch)
        rows: Iterable[LinearRow] = wish_rows(self.problem, item)
        for row in rows:
            places = zip(row.fine.tolist(), row.coarse.tolist(), strict=True)
            total = cp_model.LinearExpr.weighted_sum(
                [self.cells[place] for place in places], row.coefficient.tolist()
            )
            self.model.add_linear_constraint(total, row.lower, row.upper).only_enforce_if(switch)
        if isinstance(item, SourceTie):
            block = 1 + self.problem.constraints.of(SourceTie).index(item)
            for coarse in range(*self.blocks[block][1:]):
                self.model.add_bool_or(self._column(block, coarse)).only_enforce_if(switch)
        if isinstance(item, UnusedAllowed) and item.at_most is not None:
            unused = cp_model.LinearExpr.sum(self.unused)
            self.model.add(unused <= item.at_most).only_enforce_if(switch)
        if isinstance(item, ExtraParents):
            beyond = cp_model.LinearExpr.sum(self.beyond)
            self.model.add(beyond <= item.budget).only_enforce_if(switch)

    def _add_parents(self) -> None:
        constraints, per_class = self.problem.constraints, 1
        for extra in constraints.of(ExtraParents):
            per_class = extra.per_class
        self.unused, self.beyond = [], []
        for fine in range(len(self.blocks) * self.problem.n_fine):
            _, first, last = self.blocks[fine // self.problem.n_fine]
            cells = [self.cells[fine, coarse] for coarse in range(first, last)]
            free = fine < self.problem.n_fine
            if not free or (per_class == 1 and not constraints.of(UnusedAllowed)):
                self.model.add_exactly_one(cells)
                continue
            none = self.model.new_bool_var("")
            beyond = self.model.new_int_var(0, per_class - 1, "")
            self.model.add(cp_model.LinearExpr.sum(cells) + none == 1 + beyond)
            self.model.add(beyond == 0).only_enforce_if(none)
            if not constraints.of(UnusedAllowed):
                self.model.add(none == 0)
            self.unused.append(none)
            self.beyond.append(beyond)

    def _add_columns(self) -> None:
        """No coarse class is empty unless a wish says that it may be."""
        free = {
            item.coarse for item in self.problem.constraints.of(SizeBounds) if not item.at_least
        }
        for coarse in set(range(self.problem.n_coarse)) - free:
            self.model.add_at_least_one(self._column(0, coarse))

    def _column(self, block: int, coarse: int) -> list[cp_model.IntVar]:
        start = block * self.problem.n_fine
        return [self.cells[start + fine, coarse] for fine in range(self.problem.n_fine)]


def _sentence(problem: RelationProblem, core: list[Constraint], cut: Cut | None) -> str:
    if not core:
        return (
            f"{problem.n_fine} fine classes cannot give each of {problem.n_coarse} coarse classes "
            "a child; ask for more fine classes or allow empty coarse classes with SizeBounds."
        )
    why = f": {cut.sentence(problem.n_coarse)}" if cut is not None else ""
    parts = [f"{item.id} ({item.words()})" for item in core]
    if len(parts) == 1:
        whole = f"{parts[0]} cannot hold with {problem.n_fine} fine classes"
        return f"{whole}{why}; drop or loosen it."
    listed = ", ".join(parts[:-1]) + " and " + parts[-1]
    return f"{listed} cannot hold together{why}; drop or loosen one of them."
