"""`solve`: from a problem to a relation with its proof.

The flow is solved first in every method: it is the answer where no linear rows exist, and its
prices are what makes CP-SAT's model small. "cp_sat" has CP-SAT confirm or improve on it and is
the solver of record; "min_cost_flow" returns the flow itself, proven by its prices; "auto", the
default of the training loop, means "cp_sat" for every problem. When the time limit ends CP-SAT,
the flow's relation is returned where it keeps all wishes, and `Solution.method` says so.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from .certificate import certify
from .cp_sat import Answer, value_of
from .errors import ProblemError
from .exchange import Flow, solve_flow
from .ladder import climb
from .multipliers import price_rows
from .problem import RelationProblem
from .program import Floats, IntegerProgram, compile_program
from .relaxation import Multipliers, Relaxation, relax
from .solution import Method, Solution, Status

STATUS: dict[str, Status] = {
    "OPTIMAL": "optimal",
    "FEASIBLE": "feasible",
    "INFEASIBLE": "infeasible",
    "UNKNOWN": "unknown",
}


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
    multipliers = flow_multipliers(program, flow)
    if flow.status == "infeasible" and (program.extra is None or not program.has_cells):
        answer = Answer("INFEASIBLE", None, 0, 0, 0, "min_cost_flow")
        return _solution(problem, program, answer, multipliers, began)
    priced = relax(program, multipliers)
    known = _flow_answer(program, flow, priced) if program.is_flow else None
    if known is not None and method == "min_cost_flow":
        return _solution(problem, program, known, multipliers, began)
    relaxation = price_rows(program, priced, deadline)
    answer = climb(
        program,
        relaxation,
        incumbent=known if known is not None and known.chosen is not None else None,
        hint=_chosen(program, flow),
        deadline=deadline,
        deterministic=deterministic,
    )
    return _solution(problem, program, answer, relaxation.multipliers, began)


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


def _flow_answer(program: IntegerProgram, flow: Flow, priced: Relaxation) -> Answer:
    """The flow's relation with the bound that its prices prove."""
    if flow.status == "unknown":
        return Answer("UNKNOWN", None, 0, priced.bound, 0, "min_cost_flow")
    chosen = _chosen(program, flow)
    value = value_of(program, chosen)
    status = "OPTIMAL" if priced.bound == value else "FEASIBLE"
    return Answer(status, chosen, value, priced.bound, 0, "min_cost_flow")


def flow_multipliers(program: IntegerProgram, flow: Flow) -> Multipliers:
    """Column prices of the flow, nothing for the linear rows."""
    return Multipliers(flow.prices, np.zeros(len(program.rows), dtype=np.int64))


def _chosen(program: IntegerProgram, flow: Flow) -> NDArray[np.bool_]:
    chosen = np.zeros(program.profit.shape, dtype=np.bool_)
    chosen[np.arange(len(chosen)), flow.parent] = True
    return chosen


def _solution(
    problem: RelationProblem,
    program: IntegerProgram,
    answer: Answer,
    multipliers: Multipliers,
    began: float,
) -> Solution:
    relation, tied = _blocks(problem, program, answer.chosen)
    objective, bound = -np.inf, -np.inf
    if answer.chosen is not None:
        objective = problem.objective(relation, tied)
        bound = objective + (answer.bound - answer.value) / program.scale
    elif answer.status == "UNKNOWN":
        bound = program.objective(answer.bound)
    seconds = time.perf_counter() - began
    status: Status = STATUS[answer.status]
    return Solution(
        relation=relation,
        status=status,
        objective=objective,
        bound=bound,
        gap=bound - objective if answer.chosen is not None else np.inf,
        seconds=seconds,
        method=answer.method,
        certificate=certify(
            problem,
            program,
            multipliers,
            answer.cells,
            status=status,
            method=answer.method,
            objective=objective,
            bound=bound,
            seconds=seconds,
        ),
        problem=problem,
        tied=tied,
    )


def _blocks(
    problem: RelationProblem, program: IntegerProgram, chosen: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], tuple[NDArray[np.bool_], ...]]:
    """Cut the chosen cells into the relation and those of the further sources."""
    n_fine = problem.n_fine
    whole = np.zeros(program.profit.shape, dtype=np.bool_) if chosen is None else chosen
    tied = tuple(
        whole[(place + 1) * n_fine : (place + 2) * n_fine, first:last].copy()
        for place, (first, last) in enumerate(program.blocks)
    )
    return whole[:n_fine, : problem.n_coarse].copy(), tied
