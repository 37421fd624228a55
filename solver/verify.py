"""Check a solution without trusting the method that made it.

Three questions, each answered from the problem's own numbers in plain numpy: does the relation
keep every wish (judged by its words, not by the model's rows), is the objective right, and is
the bound right? The prices in the certificate prove the bound by weak duality; no solver is
involved. Where prices cannot close the gap, because the wishes are no flow, a second solver,
HiGHS through SciPy where it is installed, searches for anything better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .duality import priced_bound
from .flow_constraints import UnusedAllowed
from .problem import RelationProblem
from .program import compile_program
from .second_solver import second_opinion
from .side_constraints import ExtraParents, SourceTie
from .solution import Solution

HIGHS_TOLERANCE = 1e-9  # of the largest sum; HiGHS works in floating point


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`.

    Parameters
    ----------
    ok : bool
        Nothing that was checked is wrong, and everything that the status claims was checked.
    problems : tuple of str
        One sentence per fault; empty when `ok`.
    bound_by : str
        What confirmed the bound: "prices", "highs", or "nothing".
    second_bound : float or None
        The bound, in units of the affinity, that a second solver found by itself, where one was
        asked and answered.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem, solve, verify
    >>> problem = RelationProblem(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]]))
    >>> verify(problem, solve(problem)).problems
    ()
    """

    ok: bool
    problems: tuple[str, ...]
    bound_by: str
    second_bound: float | None = None


def verify(
    problem: RelationProblem, solution: Solution, *, time_limit_s: float = 60.0
) -> Verification:
    """Check feasibility, objective and bound of a solution.

    Parameters
    ----------
    problem : RelationProblem
        What the solution claims to solve; its digest is compared.
    solution : Solution
    time_limit_s : float > 0
        Limit of the second solver, where one is needed.

    Returns
    -------
    Verification
    """
    faults: list[str] = []
    if solution.certificate["problem_digest"] != problem.digest:
        faults.append("The certificate belongs to another problem (its digest differs).")
    if solution.status in ("optimal", "feasible"):
        faults += violations(problem, solution.relation, solution.tied)
        faults += _objective_faults(problem, solution)
    bound_by, more = _bound_check(problem, solution, time_limit_s)
    faults += more
    return Verification(not faults, tuple(faults), bound_by)


def violations(
    problem: RelationProblem,
    relation: NDArray[np.bool_],
    tied: tuple[NDArray[np.bool_], ...] = (),
) -> list[str]:
    """Return one sentence for each rule or wish that a relation breaks.

    Parameters
    ----------
    problem : RelationProblem
    relation : bool (F, C)
    tied : tuple of bool (F, C2), relations of the `SourceTie` constraints
    """
    if relation.shape != problem.matrix.shape or relation.dtype != np.bool_:
        return [f"Expected a bool relation {problem.matrix.shape}, found {relation.shape}."]
    found = _shape_of_rows(problem, relation)
    sizes = relation.sum(axis=0)
    lower, upper = problem.size_bounds()
    for coarse in np.flatnonzero((sizes < lower) | (sizes > upper)).tolist():
        found.append(f"Coarse {coarse} holds {sizes[coarse]} fine classes, out of bounds.")
    for item in problem.constraints:
        if not item.holds(relation):
            found.append(f"Constraint {item.id!r} does not hold.")
    for tie, other in zip(problem.constraints.of(SourceTie), tied, strict=True):
        found += violations(RelationProblem(tie.matrix), other)
        if (relation.astype(int) @ ~tie.pairs & other).any():
            found.append(f"Constraint {tie.id!r} does not hold.")
    return found


def _shape_of_rows(problem: RelationProblem, relation: NDArray[np.bool_]) -> list[str]:
    parents = relation.sum(axis=1)
    least = 0 if problem.constraints.of(UnusedAllowed) else 1
    most = max((item.per_class for item in problem.constraints.of(ExtraParents)), default=1)
    wrong = np.flatnonzero((parents < least) | (parents > most)).tolist()
    return [f"Fine {fine} has {parents[fine]} parents." for fine in wrong]


def magnitude(problem: RelationProblem) -> float:
    """Return the largest number that an objective is summed from, times their count."""
    weight, target = problem.column_costs()
    largest = float(np.abs(problem.matrix).max())
    size_cost = float((weight * (problem.n_fine + target) ** 2).max())
    for tie in problem.constraints.of(SourceTie):
        largest += float(np.abs(tie.matrix).max()) + tie.balance * problem.n_fine
    return problem.n_fine * largest + size_cost + abs(problem.size_constant())


def _float_error(problem: RelationProblem) -> float:
    return 1e-13 * magnitude(problem)


def _objective_faults(problem: RelationProblem, solution: Solution) -> list[str]:
    value = problem.objective(solution.relation, solution.tied)
    found = []
    if abs(value - solution.objective) > _float_error(problem):
        found.append(f"The objective is {value!r}, the solution says {solution.objective!r}.")
    if solution.bound < solution.objective:
        found.append("The bound lies below the objective.")
    return found


def _bound_check(
    problem: RelationProblem, solution: Solution, time_limit_s: float
) -> tuple[str, list[str]]:
    """Confirm the bound by the prices, else by a second solver."""
    program = compile_program(problem)
    tolerance = program.rounding_bound + _float_error(problem)
    if solution.status in ("optimal", "feasible", "unknown"):
        proven = priced_bound(problem, solution.certificate)
        if proven is not None and proven <= solution.bound + tolerance:
            return "prices", []
    best = second_opinion(program, time_limit_s)
    if best is None:
        return "nothing", ["The prices do not prove the bound, and no second solver could."]
    if solution.status == "infeasible":
        return "highs", [] if best == -np.inf else ["A second solver found a relation."]
    if best > solution.bound + tolerance + HIGHS_TOLERANCE * magnitude(problem):
        return "highs", [f"A second solver's bound is {best!r}, above {solution.bound!r}."]
    return "highs", []
