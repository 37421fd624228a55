"""Risk over coverage against climbing done sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.metrics import (
    hierarchical_aurc_error,
    hierarchical_risk_coverage,
    risk_coverage,
)
from tests.hierarchy.plain import BIRDS, coherent, common, leaves_below, line, often, tied, trees

seeds = st.integers(0, 10_000)
bushes = trees(min_nodes=3).filter(lambda tree: tree.n_leaves > 1)


def plain_climb(tree, row, threshold):
    """Up from the best leaf until a score reaches the threshold; the root if none does."""
    leaf = max(tree.leaves.tolist(), key=lambda v: (row[v], -v))
    path = line(tree.parents.tolist(), leaf)
    return next((v for v in path[:-1] if row[v] >= threshold), 0)


@often
@given(bushes, seeds, st.sampled_from([coherent, tied]))
def test_every_point_is_what_climbing_gives(tree, seed, make):
    rng = np.random.default_rng(seed)
    true, scores = rng.integers(0, tree.n_nodes, 6), make(tree, rng, 6)
    curve = hierarchical_risk_coverage(true, scores, tree=tree)
    for threshold, coverage, risk in zip(*curve, strict=True):
        nodes = [plain_climb(tree, row, threshold) for row in scores]
        bits = [np.log(tree.n_leaves / len(leaves_below(tree, v))) for v in nodes]
        both = zip(true.tolist(), nodes, strict=True)
        wrong = [common(tree, g, v) not in (g, v) for g, v in both]
        assert coverage == pytest.approx(np.mean(bits) / np.log(tree.n_leaves))
        assert risk == pytest.approx(np.mean(wrong))


@often
@given(bushes, seeds)
def test_risk_rises_with_coverage(tree, seed):
    rng = np.random.default_rng(seed)
    curve = hierarchical_risk_coverage(
        rng.choice(tree.leaves, 9), coherent(tree, rng, 9), tree=tree
    )
    assert (np.diff(curve.coverage) > -1e-9).all() and (np.diff(curve.risk) > -1e-9).all()
    assert curve.coverage[0] == curve.risk[0] == 0 and curve.coverage[-1] == pytest.approx(1)
    assert 0 <= curve.area <= 1


def test_areas_by_hand():
    scores = np.array([[1, 0.6, 0.4, 0.6, 0, 0.4, 0, 0.0]])  # jay, and bird as sure
    assert hierarchical_aurc_error([3], scores, tree=BIRDS) == 0
    assert hierarchical_aurc_error([4], scores, tree=BIRDS) == 0.5  # one step: (0, 0) to (1, 1)
    scores[0, [1, 2]] = 0.9, 0.1  # bird is surer than jay: right for a wren
    bird = np.log(5 / 2) / np.log(5)
    assert hierarchical_aurc_error([4], scores, tree=BIRDS) == pytest.approx((1 - bird) / 2)


def test_a_tree_of_one_leaf_has_nothing_to_choose():
    with pytest.raises(InputError, match="two leaves or more"):
        hierarchical_aurc_error([1], [[1.0, 1.0]], tree=Tree.from_paths([("a", "b")]))


def test_plain_risk_over_coverage_by_hand():
    curve = risk_coverage([True, False, True, True], [0.9, 0.8, 0.8, 0.1])
    assert curve.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.1]
    assert curve.coverage.tolist() == [0, 0.25, 0.75, 1]
    assert curve.risk == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx(0.5 * (1 / 3) / 2 + 0.25 * (1 / 3 + 1 / 4) / 2)


@often
@given(seeds)
def test_ranking_right_before_wrong_is_best(seed):
    rng = np.random.default_rng(seed)
    correct = rng.random(12) < 0.6
    best = risk_coverage(correct, correct.astype(float) + rng.random(12) / 2).area
    assert best <= risk_coverage(correct, rng.random(12)).area + 1e-12
    assert best <= risk_coverage(correct, 1.0 - correct + rng.random(12) / 2).area + 1e-12


def test_confidences_that_are_no_numbers_are_refused():
    with pytest.raises(InputError, match="found NaN"):
        risk_coverage([True], [np.nan])
