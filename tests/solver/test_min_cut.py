"""Minimum cuts: they decide feasibility as brute force does, and each one is a real shortage."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from solver import (
    Constraints,
    Forbid,
    GroupBounds,
    Pin,
    RelationProblem,
    SizeBounds,
    UnusedAllowed,
    explain_infeasible,
    solve,
)
from solver.min_cut import keeps_flow, minimum_cut
from tests.solver.random_problems import FLOW_KINDS, random_problem


def stated(*wishes, shape=(5, 3)) -> RelationProblem:
    return RelationProblem(np.zeros(shape), 0.0, Constraints(wishes))


def test_three_fine_classes_in_a_coarse_class_for_two():
    wishes = [Forbid(f"f{i}{k}", i, k) for i in (0, 2, 4) for k in (1, 2)]
    problem = stated(*wishes, SizeBounds("small", 0, 1, 2))
    cut = minimum_cut(problem, problem.constraints)
    assert cut is not None and cut.crowded
    assert cut.fine.tolist() == [0, 2, 4] and cut.coarse.tolist() == [0]
    assert (cut.asked, cut.room) == (3, 2)
    explanation = explain_infeasible(problem)
    assert len(explanation.ids) == 7
    assert "fine 0, 2, 4 can hang on coarse 0 only" in explanation.sentence


def test_coarse_classes_that_ask_for_more_than_may_hang_there():
    wishes = [Pin(f"p{i}", i, 0) for i in range(3)]
    problem = stated(*wishes, SizeBounds("large", 1, 2), SizeBounds("other", 2, 1))
    cut = minimum_cut(problem, problem.constraints)
    assert cut is not None and not cut.crowded
    assert cut.fine.tolist() == [3, 4] and cut.coarse.tolist() == [1, 2]
    assert (cut.asked, cut.room) == (3, 2)
    assert "coarse 1, 2 ask for at least 3 in all, but only fine 3, 4" in (
        explain_infeasible(problem).sentence
    )


def test_a_fine_class_without_any_parent_is_named():
    problem = stated(*(Forbid(f"f{k}", 1, k) for k in range(3)))
    explanation = explain_infeasible(problem)
    assert explanation.cut is not None and explanation.cut.fine.tolist() == [1]
    assert "fine 1 can hang on no coarse class at all" in explanation.sentence


def test_unused_classes_are_room_too():
    wishes = [SizeBounds(f"s{k}", k, 1, 1) for k in range(3)]
    fits = stated(*wishes, UnusedAllowed("u", 0.0, 2))
    assert minimum_cut(fits, fits.constraints) is None
    short = stated(*wishes, UnusedAllowed("u", 0.0, 1))
    assert set(explain_infeasible(short).ids) == {"s0", "s1", "s2", "u"}
    assert "or stay unused only" in explain_infeasible(short).sentence


def test_cuts_of_other_kinds_are_not_made_up():
    problem = stated(GroupBounds("g", (0, 1), 0, 1))
    assert not keeps_flow(problem.constraints)
    assert explain_infeasible(problem).cut is None


@pytest.mark.parametrize("block", range(4))
def test_random_wishes_are_infeasible_exactly_where_a_cut_falls_short(block):
    seen = 0
    for seed in range(100 * block, 100 * (block + 1)):
        problem = random_problem(seed, FLOW_KINDS, n_wishes=7)
        if not keeps_flow(problem.constraints):
            continue
        cut = minimum_cut(problem, problem.constraints)
        assert (cut is not None) == (solve(problem).status == "infeasible")
        if cut is not None:
            seen += 1
            assert cut.asked > cut.room
            assert_shortage(problem, cut)
    assert seen > 5


def assert_shortage(problem, cut):
    """No open pair leads off the cut, so the shortage cannot be mended elsewhere."""
    ruled_out = {(w.fine, w.coarse) for w in problem.constraints.of(Forbid)}
    for pin in problem.constraints.of(Pin):
        ruled_out |= {(pin.fine, k) for k in range(problem.n_coarse) if k != pin.coarse}
    for fine, coarse in itertools.product(range(problem.n_fine), range(problem.n_coarse)):
        crosses = (
            (fine in cut.fine and coarse not in cut.coarse)
            if cut.crowded
            else (fine not in cut.fine and coarse in cut.coarse)
        )
        if crosses:
            assert (fine, coarse) in ruled_out


def test_a_large_conflict_is_explained_by_flows_alone():
    wishes = [SizeBounds(f"s{k}", k, 1, 17) for k in range(34)]
    problem = stated(*wishes, shape=(608, 34))
    explanation = explain_infeasible(problem)
    assert len(explanation.ids) == 34
    assert "leaves room for 578 of 608" in explanation.sentence
