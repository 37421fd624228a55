"""Every method against the enumeration of all relations, thousands of small problems."""

from __future__ import annotations

import os

import numpy as np
import pytest

from solver import RelationProblem, Solution, solve
from tests.solver.brute import best_value, value
from tests.solver.random_problems import FLOW_KINDS, HARD_KINDS, random_problem

COUNT = int(os.environ.get("SOLVER_BRUTE_COUNT", "150"))


def agrees(problem: RelationProblem, solution: Solution) -> None:
    """The answer is exactly as good as the best of all relations, and says so."""
    best = best_value(problem)
    if best == -np.inf:
        assert solution.status == "infeasible"
        return
    slack = solution.certificate["rounding_bound"] + 1e-9 * (1 + abs(best))
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(best, abs=slack)
    assert solution.bound >= solution.objective
    if not solution.tied:
        parents = [tuple(np.flatnonzero(row)) for row in solution.relation]
        assert value(problem, parents) == pytest.approx(best, abs=slack)


@pytest.mark.parametrize("method", ["min_cost_flow", "cp_sat"])
def test_plain_problems_equal_brute_force(method):
    for seed in range(COUNT):
        problem = random_problem(seed)
        agrees(problem, solve(problem, method=method))


@pytest.mark.parametrize("method", ["min_cost_flow", "cp_sat"])
def test_mixed_flow_constraints_equal_brute_force(method):
    for seed in range(COUNT):
        problem = random_problem(seed, FLOW_KINDS)
        agrees(problem, solve(problem, method=method))


@pytest.mark.parametrize("kind", FLOW_KINDS + HARD_KINDS)
def test_each_kind_equals_brute_force(kind):
    for seed in range(COUNT // 3):
        problem = random_problem(seed, (kind,))
        agrees(problem, solve(problem))


def test_mixes_of_all_kinds_equal_brute_force():
    for seed in range(COUNT):
        problem = random_problem(seed, FLOW_KINDS + HARD_KINDS)
        agrees(problem, solve(problem))
