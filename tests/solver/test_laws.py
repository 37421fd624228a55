"""Laws that every answer obeys: hypothesis on flows, hand cases, degenerate input."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import shortest_path

from solver import (
    CannotLink,
    Constraints,
    Forbid,
    MustLink,
    Pin,
    ProblemError,
    RelationProblem,
    SizeBounds,
    SizeTarget,
    SourceTie,
    StayClose,
    solve,
    verify,
)
from solver.regret import _shortest
from tests.solver.brute import best_value
from tests.solver.random_problems import FLOW_KINDS, random_problem

BALANCES = st.sampled_from([0.0, 5e-5, 1e-3, 0.1, 3.0])


@st.composite
def problems(draw):
    n_coarse = draw(st.integers(1, 6))
    n_fine = draw(st.integers(n_coarse, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scale = 10.0 ** draw(st.integers(-8, 8))
    return RelationProblem(rng.standard_normal((n_fine, n_coarse)) * scale, draw(BALANCES) * scale)


@given(problems(), st.sampled_from(["cp_sat", "min_cost_flow"]))
@settings(max_examples=40, deadline=None)
def test_relation_is_feasible_and_bounded(problem, method):
    solution = solve(problem, method=method)
    assert solution.status == "optimal"
    assert (solution.relation.sum(axis=1) == 1).all()
    assert (solution.relation.sum(axis=0) >= 1).all()
    assert solution.bound >= solution.objective
    assert solution.objective == pytest.approx(problem.objective(solution.relation))
    assert (solution.regret >= 0).all()
    assert (solution.regret[solution.relation] == 0).all()
    json.dumps(solution.certificate, allow_nan=False)


@given(problems(), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_permuted_problems_have_permuted_answers(problem, seed):
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(problem.n_fine), rng.permutation(problem.n_coarse)
    moved = RelationProblem(problem.matrix[rows][:, columns], problem.balance)
    expected = solve(problem).relation[rows][:, columns]
    np.testing.assert_array_equal(solve(moved).relation, expected)


@given(problems(), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_constant_added_to_a_row_changes_nothing(problem, seed):
    shift = np.random.default_rng(seed).standard_normal((problem.n_fine, 1))
    shift *= np.abs(problem.matrix).max()
    moved = solve(RelationProblem(problem.matrix + shift, problem.balance))
    solution = solve(problem)
    np.testing.assert_array_equal(moved.relation, solution.relation)
    assert moved.objective == pytest.approx(solution.objective + shift.sum())


@given(problems(), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_regret_is_the_loss_of_a_pinned_solve(problem, seed):
    rng = np.random.default_rng(seed)
    fine, coarse = int(rng.integers(problem.n_fine)), int(rng.integers(problem.n_coarse))
    solution = solve(problem)
    pinned = solve(
        RelationProblem(problem.matrix, problem.balance, Constraints([Pin("p", fine, coarse)]))
    )
    scale = 1e-7 * (1e-300 + np.abs(problem.matrix).max())
    expected = solution.objective - pinned.objective
    assert solution.regret[fine, coarse] == pytest.approx(expected, rel=1e-6, abs=scale)


def test_regret_with_flow_constraints_equals_brute_force():
    for seed in range(40):
        problem = random_problem(seed, FLOW_KINDS)
        solution = solve(problem)
        fine, coarse = seed % problem.n_fine, seed % problem.n_coarse
        wishes = [*problem.constraints, Pin("forced", fine, coarse)]
        forced = RelationProblem(problem.matrix, problem.balance, Constraints(wishes))
        if solution.status != "optimal" or problem.n_fine > 5:
            continue
        loss = solution.objective - best_value(forced)
        slack = 4 * solution.certificate["rounding_bound"] + 1e-9
        assert solution.regret[fine, coarse] == pytest.approx(loss, rel=1e-9, abs=slack)


def test_regret_with_hard_constraints_is_a_lower_bound():
    rng = np.random.default_rng(3)
    wishes = Constraints([CannotLink("c", 0, 1), MustLink("m", 2, 3)])
    problem = RelationProblem(rng.random((5, 3)), 0.1, wishes)
    solution = solve(problem)
    for fine in range(5):
        for coarse in range(3):
            forced = Constraints([*wishes, Pin("p", fine, coarse)])
            loss = solution.objective - best_value(RelationProblem(problem.matrix, 0.1, forced))
            assert 0 <= solution.regret[fine, coarse] <= loss + 1e-9


def test_flow_equals_cp_sat_equals_assignment_formulation():
    from scipy.optimize import linear_sum_assignment

    for seed, balance in enumerate([0.0, 5e-5, 1e-3, 0.1]):
        affinity = np.random.default_rng(seed).dirichlet(np.full(8, 0.4), 60) / 60
        problem = RelationProblem(affinity, balance)
        slots = np.arange(60)
        price = balance / 8 * (2 * slots + 1) - 1e3 * (slots == 0)
        cost = np.concatenate([-affinity[:, [k]] + price for k in range(8)], axis=1)
        rows, columns = linear_sum_assignment(cost)
        relation = np.zeros((60, 8), dtype=bool)
        relation[rows, columns // 60] = True
        for method in ("cp_sat", "min_cost_flow"):
            solution = solve(problem, method=method)
            assert solution.objective == pytest.approx(problem.objective(relation), abs=1e-9)
            assert verify(problem, solution).bound_by == "prices"


def test_highs_agrees_on_medium_problems_with_hard_constraints():
    rng = np.random.default_rng(0)
    for balance in (0.0, 1e-3, 0.1):
        wishes = [CannotLink(f"c{i}", 2 * i, 2 * i + 1) for i in range(5)]
        wishes += [MustLink(f"m{i}", 10 + 2 * i, 11 + 2 * i) for i in range(3)]
        problem = RelationProblem(rng.random((40, 6)), balance, Constraints(wishes))
        solution = solve(problem)
        assert solution.status == "optimal"
        assert verify(problem, solution).ok


def test_warm_start_gives_the_same_answer():
    rng = np.random.default_rng(0)
    affinity = rng.random((120, 12))
    before = solve(RelationProblem(affinity, 0.1))
    moved = RelationProblem(affinity + 0.01 * rng.standard_normal(affinity.shape), 0.1)
    for method in ("cp_sat", "min_cost_flow"):
        warm = solve(moved, method=method, start=before)
        assert warm.status == "optimal"
        np.testing.assert_array_equal(warm.relation, solve(moved, method=method).relation)


def test_same_relation_across_processes():
    code = (
        "import numpy as np; from solver import *;"
        "p = np.random.default_rng(1).integers(0, 3, (40, 5)).astype(float);"
        "w = Constraints([CannotLink(f'c{i}', i, i + 1) for i in range(8)]);"
        "print(solve(RelationProblem(p, 0.1, w)).relation.tobytes().hex())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_time_out_returns_a_true_gap_and_never_a_false_optimum():
    rng = np.random.default_rng(0)
    wishes = [CannotLink(f"c{i}", *map(int, rng.permutation(150)[:2])) for i in range(300)]
    problem = RelationProblem(rng.random((150, 12)), 0.1, Constraints(wishes))
    best = solve(problem, time_limit_s=30)
    for limit in (1e-3, 0.05, 0.2):
        solution = solve(problem, time_limit_s=limit)
        assert solution.status in ("optimal", "feasible", "unknown")
        assert solution.bound >= best.objective - 1e-9
        assert solution.gap >= 0
        if solution.status == "optimal":
            assert solution.objective == pytest.approx(best.bound)


@pytest.mark.parametrize(
    ("affinity", "balance", "value"),
    [
        (np.zeros((6, 3)), 0.5, 0.0),  # ties everywhere
        (np.eye(4), 1.0, 4.0 - (1.0 - 1.0)),  # F == C
        (np.arange(5.0)[:, None], 2.0, 10.0 - 2.0 * (25 - 25)),  # C == 1
        (np.array([[1.0, 0.0], [1.0, 0.9], [1.0, 0.0]]), 0.0, 2.9),  # empty column repaired
    ],
)
def test_hand_cases(affinity, balance, value):
    for method in ("cp_sat", "min_cost_flow", "auto"):
        solution = solve(RelationProblem(affinity, balance), method=method)
        assert solution.status == "optimal"
        assert solution.objective == pytest.approx(value)


@pytest.mark.parametrize("magnitude", [1e-250, 1e-30, 1e30, 1e250])
def test_huge_and_tiny_numbers_keep_the_answer(magnitude):
    affinity = np.random.default_rng(0).random((12, 4))
    expected = solve(RelationProblem(affinity, 0.1)).relation
    found = solve(RelationProblem(affinity * magnitude, 0.1 * magnitude))
    np.testing.assert_array_equal(found.relation, expected)


def test_targets_take_the_place_of_the_balance():
    targets = [SizeTarget(f"t{k}", k, size, 10.0) for k, size in enumerate([5, 2, 1])]
    affinity = np.random.default_rng(0).random((8, 3))
    solution = solve(RelationProblem(affinity, 100.0, Constraints(targets)))
    assert solution.relation.sum(axis=0).tolist() == [5, 2, 1]
    assert solution.objective == pytest.approx(affinity[solution.relation].sum())


def test_stay_close_cap_limits_the_changes():
    rng = np.random.default_rng(0)
    affinity, previous = rng.random((12, 3)), rng.integers(0, 3, 12)
    wishes = Constraints([StayClose("s", previous, 0.0, 2)])
    relation = solve(RelationProblem(affinity, 0.0, wishes)).relation
    assert (relation.argmax(axis=1) != previous).sum() == 2


def test_tied_sources_are_compatible():
    rng = np.random.default_rng(0)
    pairs = np.array([[True, True, False], [False, False, True]])
    tie = SourceTie("t", rng.random((9, 3)), pairs, 0.1)
    solution = solve(RelationProblem(rng.random((9, 2)), 0.1, Constraints([tie])))
    first, second = solution.relation.argmax(axis=1), solution.tied[0].argmax(axis=1)
    assert pairs[first, second].all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RelationProblem(np.array([[np.nan, 1.0]])), "finite numbers"),
        (lambda: RelationProblem(np.zeros(3)), "matrix"),
        (lambda: RelationProblem(np.zeros((3, 2)), -1.0), "balance"),
        (lambda: RelationProblem(np.zeros((3, 2)), 0, Constraints([Pin("p", 3, 0)])), "0..2"),
        (lambda: RelationProblem(np.zeros((3, 2)), 0, Constraints([Forbid("p", 0, 2)])), "0..1"),
        (lambda: Constraints([Pin("p", 0, 0), Forbid("p", 1, 1)]), "unique ids"),
        (lambda: Pin("", 0, 0), "non-empty"),
        (lambda: SizeBounds("s", 0, 3, 2), "at_most >= at_least"),
        (lambda: StayClose("s", [0.5, 1.0]), "int64"),
        (lambda: solve(RelationProblem(np.zeros((3, 2))), method="gurobi"), "method"),
        (lambda: solve(RelationProblem(np.zeros((3, 2))), time_limit_s=0), "time_limit_s"),
        (
            lambda: solve(
                RelationProblem(np.zeros((3, 2)), 0, Constraints([MustLink("m", 0, 1)])),
                method="min_cost_flow",
            ),
            "flow structure",
        ),
    ],
)
def test_bad_input_gets_one_clear_sentence(make, words):
    with pytest.raises(ProblemError, match=words.replace(".", r"\.")):
        make()


def test_infeasible_problems_say_so():
    for problem in (
        RelationProblem(np.zeros((2, 3))),
        RelationProblem(np.zeros((3, 1)), 0, Constraints([SizeBounds("s", 0, 0, 2)])),
    ):
        solution = solve(problem)
        assert (solution.status, solution.objective) == ("infeasible", -np.inf)
        assert not solution.relation.any()


@pytest.mark.parametrize("spread", [1, 100, 1_000])
def test_shortest_paths_are_scipys(spread):
    moves = 1_000.0 - np.random.default_rng(0).integers(0, spread, (40, 40))
    moves[-1], moves[:, -1] = 600.0, 500.0
    moves[3, 5:9] = np.inf
    want = shortest_path(np.where(np.eye(40, dtype=bool), 0, moves), method="FW")
    np.testing.assert_array_equal(_shortest(moves), want)
