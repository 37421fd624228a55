"""`explain_infeasible` names a minimal set of wishes, by id and in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from solver import (
    CannotLink,
    Constraints,
    ExtraParents,
    Forbid,
    GroupBounds,
    MustLink,
    Pin,
    RelationProblem,
    SizeBounds,
    UnusedAllowed,
    explain_infeasible,
    solve,
)
from tests.solver.brute import best_value
from tests.solver.random_problems import FLOW_KINDS, HARD_KINDS, random_problem


def stated(*wishes, shape=(5, 3)) -> RelationProblem:
    return RelationProblem(np.zeros(shape), 0.0, Constraints(wishes))


@pytest.mark.parametrize(
    ("wishes", "guilty"),
    [
        ((Pin("p", 0, 1), Forbid("f", 0, 1), Pin("other", 2, 0)), {"p", "f"}),
        ((Pin("a", 0, 1), MustLink("m", 0, 1), Forbid("b", 1, 1)), {"a", "m", "b"}),
        ((MustLink("m", 0, 1), CannotLink("c", 1, 0), Pin("p", 4, 2)), {"m", "c"}),
        ((SizeBounds("s", 0, 4), Pin("p", 1, 0)), {"s"}),
        ((GroupBounds("g", (0, 1), 0, 1),), {"g"}),
    ],
)
def test_names_the_guilty_and_nobody_else(wishes, guilty):
    explanation = explain_infeasible(stated(*wishes))
    assert explanation.status == "infeasible"
    assert set(explanation.ids) == guilty
    assert all(name in explanation.sentence for name in guilty)


def test_too_few_fine_classes_are_named_without_any_wish():
    explanation = explain_infeasible(stated(shape=(2, 3)))
    assert (explanation.ids, explanation.status) == ((), "infeasible")
    assert "2 fine classes" in explanation.sentence


def test_feasible_problems_are_not_blamed():
    assert explain_infeasible(stated(Pin("p", 0, 1))).status == "feasible"


def test_random_conflicts_are_real_and_minimal():
    seen = 0
    for seed in range(120):
        problem = random_problem(seed, FLOW_KINDS + HARD_KINDS, n_wishes=6)
        explanation = explain_infeasible(problem)
        assert (explanation.status == "infeasible") == (solve(problem).status == "infeasible")
        if not explanation.ids or problem.n_fine > 4:
            continue
        seen += 1
        named = [item for item in problem.constraints if item.id in explanation.ids]
        others = [item for item in problem.constraints if item.id not in explanation.ids]
        for left_out in filter(tightens, named):
            kept = [item for item in named if item is not left_out]
            kept += [loose(item) for item in others if not tightens(item)]
            loosened = RelationProblem(problem.matrix, problem.balance, Constraints(kept))
            assert best_value(loosened) > -np.inf
    assert seen > 5


def loose(item):
    """The wish with what it allows but without what it limits."""
    if isinstance(item, ExtraParents):
        return replace(item, budget=99)
    return replace(item, at_most=None)


def tightens(item) -> bool:
    """Whether leaving the wish out cannot forbid anything new."""
    frees = isinstance(item, SizeBounds) and item.at_least == 0
    return not frees and not isinstance(item, (UnusedAllowed, ExtraParents))
