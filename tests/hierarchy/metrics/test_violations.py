"""Violation rates in their readings against loops over edges."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import level_argmax
from falcon_svc.hierarchy.metrics import (
    level_violation_error,
    soft_violation_error,
    violation_error,
)
from tests.hierarchy.plain import BIRDS, coherent, often, tied, trees

seeds = st.integers(0, 10_000)


@often
@given(trees(), seeds)
def test_rates_agree_with_loops(tree, seed):
    rng = np.random.default_rng(seed)
    scores = tied(tree, rng, 7)
    predicted = scores > 0.5
    edges = [(v, p) for v, p in enumerate(tree.parents.tolist()) if p > 0]
    bad = [[row[c] and not row[p] for c, p in edges] for row in predicted]
    pairs = sum(row[c] for row in predicted for c, _ in edges)
    assert violation_error(predicted, tree=tree) == np.mean([any(row) for row in bad])
    assert violation_error(predicted, tree=tree, unit="edge") == np.sum(bad) / max(pairs, 1)
    above = [row[c] > row[p] for row in scores for c, p in edges]
    assert soft_violation_error(scores, tree=tree) == pytest.approx(np.mean(above) if above else 0)


@often
@given(trees(), seeds)
def test_level_rates_agree_with_loops(tree, seed):
    levels = level_argmax(tied(tree, np.random.default_rng(seed), 7), tree=tree)
    wrong = [
        any(tree.parents[below] != above for above, below in pairwise(row))
        for row in levels.tolist()
    ]
    assert level_violation_error(levels, tree=tree) == np.mean(wrong)


@often
@given(trees(), seeds)
def test_sums_never_violate(tree, seed):
    scores = coherent(tree, np.random.default_rng(seed), 5)
    assert soft_violation_error(scores, tree=tree) == 0
    assert violation_error(scores > 0.5, tree=tree) == 0


def test_rates_by_hand():
    predicted = np.zeros((4, 8), bool)
    predicted[0, [1, 3]] = True  # bird, jay
    predicted[1, [2, 3]] = True  # fish, jay: violates
    predicted[2, [1, 3, 5, 6]] = True  # bird, jay, cod, eel: two violate
    assert violation_error(predicted, tree=BIRDS) == 0.5
    assert violation_error(predicted, tree=BIRDS, unit="edge") == 3 / 5
    assert level_violation_error([[1, 3], [2, 3], [1, -1]], tree=BIRDS) == 1 / 3


def test_every_parent_must_be_predicted():
    tree = Tree.from_relation(["land", "sea"], ["seal"], [[1, 1]])
    assert violation_error([[1, 1, 0, 1], [1, 1, 1, 1]], tree=tree) == 0.5


def test_refusals():
    with pytest.raises(InputError, match="'sample' or 'edge'"):
        violation_error(np.zeros((1, 8)), tree=BIRDS, unit="path")
    with pytest.raises(InputError, match=r"\(n, 2\) node numbers below 8"):
        level_violation_error([[1, 9]], tree=BIRDS)
