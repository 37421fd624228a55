"""`verify` accepts what `solve` returns and catches every kind of tampering."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import RelationProblem, Solution, solve, verify
from tests.solver.random_problems import FLOW_KINDS, HARD_KINDS, random_problem


def problem_of(seed: int = 0, shape: tuple[int, int] = (30, 6)) -> RelationProblem:
    return RelationProblem(np.random.default_rng(seed).random(shape), 0.1)


@pytest.mark.parametrize("kind", FLOW_KINDS + HARD_KINDS)
def test_honest_solutions_pass(kind):
    for seed in range(12):
        problem = random_problem(seed, (kind,))
        outcome = verify(problem, solve(problem))
        assert outcome.ok, outcome.problems


def test_flow_solutions_are_proven_by_prices_alone():
    for seed in range(20):
        problem = random_problem(seed, FLOW_KINDS)
        solution = solve(problem)
        if solution.status == "optimal":
            assert verify(problem, solution).bound_by == "prices"


def tampered(solution: Solution) -> dict[str, Solution]:
    moved = solution.relation.copy()
    moved[0] = np.roll(moved[0], 1)
    none = solution.relation.copy()
    none[0] = False
    proof = dict(solution.certificate)
    return {
        "a row without a parent": replace(solution, relation=none),
        "another relation": replace(solution, relation=moved),
        "a better objective": replace(
            solution, objective=solution.objective + 1e-3, bound=solution.bound + 1e-3
        ),
        "a lower bound": replace(
            solution, objective=solution.objective - 1, bound=solution.bound - 1
        ),
        "another problem": replace(solution, certificate={**proof, "problem_digest": "0"}),
    }


def test_tampering_is_caught():
    problem = problem_of()
    for what, forged in tampered(solve(problem)).items():
        assert not verify(problem, forged).ok, what


def test_false_optimality_is_caught_even_with_a_consistent_objective():
    problem = problem_of()
    worse = solve(problem).relation.copy()
    worse[[0, 1]] = worse[[1, 0]]
    value = problem.objective(worse)
    solution = solve(problem)
    assert value < solution.objective
    forged = replace(solution, relation=worse, objective=value, bound=value, gap=0.0)
    outcome = verify(problem, forged)
    assert not outcome.ok
    assert outcome.bound_by == "highs"


def test_false_infeasibility_is_caught():
    problem = problem_of()
    forged = replace(solve(problem), status="infeasible", objective=-np.inf, bound=-np.inf)
    assert not verify(problem, forged).ok
