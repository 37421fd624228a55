"""`solve`: from a problem to a relation with its proof.

The flow is solved first in every method: it is the answer where no linear rows exist, and its
prices are what makes CP-SAT's model small. Method "cp_sat" has CP-SAT confirm or improve on it
and is the solver of record; "min_cost_flow" returns the flow itself, proven by its prices;
"auto", the default of the training loop, is "cp_sat" with one difference: where the prices
already prove the flow and the time limit ends CP-SAT, it answers with the flow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .certificate import certify
from .cp_sat import Answer, solve_restricted, value_of
from .errors import ProblemError
from .exchange import Flow, solve_flow
from .multipliers import price_rows
from .problem import RelationProblem
from .program import Floats, IntegerProgram, compile_program
from .relaxation import Multipliers, Relaxation, relax
from .solution import Method, Solution, Status

WIDEST = 2**61  # a slack that keeps every cell


@dataclass(frozen=True, eq=False)
class Outcome:
    """A method's result in whole numbers, before it is translated into a `Solution`."""

    status: Status
    chosen: NDArray[np.bool_] | None
    value: int
    bound: int
    method: str
    multipliers: Multipliers
    cells: int = 0


def solve(
    problem: RelationProblem,
    *,
    method: Method = "auto",
    time_limit_s: float = 30.0,
    deterministic: bool = True,
    start: Solution | None = None,
) -> Solution:
    """Solve the relation program.

    Parameters
    ----------
    problem : RelationProblem
    method : "cp_sat", "min_cost_flow" or "auto"
        "min_cost_flow" takes only problems whose constraints keep the flow structure.
    time_limit_s : float > 0
        Wall time; when it ends, the best relation found is returned with its true gap.
    deterministic : bool
        One CP-SAT worker under a deterministic time limit: same input, same relation.
    start : Solution, optional
        Solution of a similar problem of the same shape; its prices start this one.

    Returns
    -------
    Solution

    Raises
    ------
    ProblemError
        If the method cannot take the constraints, or an argument is out of range.
    """
    began = time.perf_counter()
    _check_arguments(method, time_limit_s)
    program = compile_program(problem)
    if method == "min_cost_flow" and not program.is_flow:
        raise ProblemError(
            "method: expected constraints that keep the flow structure for 'min_cost_flow', "
            "found others (see docs/relation-step.md); use method='cp_sat' or 'auto'."
        )
    deadline = began + time_limit_s
    flow = solve_flow(program, prices=_start_prices(program, start), deadline=deadline)
    if flow.status == "infeasible" or method == "min_cost_flow":
        outcome = _flow_outcome(program, flow)
    else:
        outcome = _cp_sat_outcome(program, flow, deadline, deterministic)
    return _solution(problem, program, outcome, began)


def _check_arguments(method: str, time_limit_s: float) -> None:
    if method not in ("cp_sat", "min_cost_flow", "auto"):
        raise ProblemError(
            f"method: expected 'cp_sat', 'min_cost_flow' or 'auto', found {method!r}; pick one."
        )
    if not time_limit_s > 0:
        raise ProblemError(
            f"time_limit_s: expected a number of seconds > 0, found {time_limit_s}; raise it."
        )


def _start_prices(program: IntegerProgram, start: Solution | None) -> Floats | None:
    """Prices of an earlier solution in this program's whole numbers, if they fit."""
    if start is None or len(start.certificate["column_prices"]) != len(program.weight):
        return None
    scale = program.scale / start.certificate["scale"]
    prices: Floats = np.array(start.certificate["column_prices"], dtype=np.float64)
    rescaled: Floats = np.rint(prices * scale)
    return rescaled


def _flow_outcome(program: IntegerProgram, flow: Flow) -> Outcome:
    multipliers = Multipliers(flow.prices, np.zeros(len(program.rows), dtype=np.int64))
    if flow.status in ("infeasible", "unknown"):
        status: Status = "infeasible" if flow.status == "infeasible" else "unknown"
        return Outcome(status, None, 0, 0, "min_cost_flow", multipliers)
    chosen = _chosen(program, flow)
    value = value_of(program, chosen)
    bound = relax(program, multipliers).bound
    status = "optimal" if bound == value else "feasible"
    return Outcome(status, chosen, value, bound, "min_cost_flow", multipliers)


def _chosen(program: IntegerProgram, flow: Flow) -> NDArray[np.bool_]:
    chosen = np.zeros(program.profit.shape, dtype=np.bool_)
    chosen[np.arange(len(chosen)), flow.parent] = True
    return chosen


def _cp_sat_outcome(
    program: IntegerProgram, flow: Flow, deadline: float, deterministic: bool
) -> Outcome:
    """Climb the ladder of slacks until the answer is within the slack."""
    relaxation = price_rows(program, flow.prices, deadline)
    chosen = _chosen(program, flow) if program.is_flow and flow.status == "optimal" else None
    slack = relaxation.bound - value_of(program, chosen) if chosen is not None else None
    best: Answer | None = None
    widest = WIDEST
    slack = _wider_slack(relaxation, -1) if slack is None else slack
    while True:
        answer = solve_restricted(
            program,
            relaxation,
            slack=slack,
            hint=best.chosen if best is not None else chosen,
            time_limit_s=deadline - time.perf_counter(),
            deterministic=deterministic,
        )
        best = _better(best, answer)
        if answer.status == "INFEASIBLE" and slack < widest:
            slack = _wider_slack(relaxation, slack)
            continue
        if answer.status == "OPTIMAL" and relaxation.bound - answer.value > slack:
            slack = relaxation.bound - answer.value
            continue
        return _ladder_end(best, answer, relaxation, slack, widest)


def _wider_slack(relaxation: Relaxation, slack: int) -> int:
    """Slack that keeps twice the cells of `slack`, or two cells per row to begin with."""
    costs = relaxation.cell_costs.ravel()
    wanted = 2 * max(int((costs <= slack).sum()), len(relaxation.cell_costs))
    if wanted >= costs.size:
        return WIDEST
    wider = np.partition(costs, wanted)[wanted]
    return max(int(wider), slack + 1) if np.isfinite(wider) else WIDEST


def _better(best: Answer | None, answer: Answer) -> Answer:
    if best is None or best.chosen is None:
        return answer
    return answer if answer.chosen is not None and answer.value >= best.value else best


def _ladder_end(
    best: Answer, answer: Answer, relaxation: Relaxation, slack: int, widest: int
) -> Outcome:
    """Bound of the whole program from that of the last restricted model."""
    outside = relaxation.bound - slack - 1 if slack < widest else -(2**62)
    inside = answer.bound if answer.status != "UNKNOWN" else relaxation.bound
    bound = min(relaxation.bound, max(inside, outside))
    if answer.status == "INFEASIBLE":
        return Outcome("infeasible", None, 0, 0, "cp_sat", relaxation.multipliers, answer.cells)
    if best.chosen is None:
        return Outcome(
            "unknown", None, 0, relaxation.bound, "cp_sat", relaxation.multipliers, answer.cells
        )
    bound = max(bound, best.value)
    status: Status = "optimal" if bound == best.value else "feasible"
    return Outcome(
        status, best.chosen, best.value, bound, "cp_sat", relaxation.multipliers, answer.cells
    )


def _solution(
    problem: RelationProblem, program: IntegerProgram, outcome: Outcome, began: float
) -> Solution:
    relation = np.zeros(problem.matrix.shape, dtype=np.bool_)
    tied: tuple[NDArray[np.bool_], ...] = ()
    objective, bound = -np.inf, -np.inf
    if outcome.status == "unknown":
        bound = program.objective(outcome.bound)
    elif outcome.chosen is not None:
        relation = outcome.chosen[: problem.n_fine, : problem.n_coarse].copy()
        tied = tuple(
            outcome.chosen[(i + 1) * problem.n_fine : (i + 2) * problem.n_fine, first:last].copy()
            for i, (first, last) in enumerate(program.blocks)
        )
        objective = problem.objective(relation, tied)
        bound = objective + (outcome.bound - outcome.value) / program.scale
    seconds = time.perf_counter() - began
    return Solution(
        relation=relation,
        status=outcome.status,
        objective=objective,
        bound=bound,
        gap=bound - objective if np.isfinite(objective) else np.inf,
        seconds=seconds,
        method=outcome.method,
        certificate=certify(
            problem,
            program,
            outcome.multipliers,
            outcome.cells,
            status=outcome.status,
            method=outcome.method,
            objective=objective,
            bound=bound,
            seconds=seconds,
        ),
        problem=problem,
        tied=tied,
    )
