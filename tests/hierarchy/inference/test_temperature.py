"""Temperatures per level: recovered where planted, and coherent on every cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import LevelTemperatures
from falcon_svc.hierarchy.inference.temperature import level_cut
from falcon_svc.hierarchy.metrics import level_calibration_error
from tests.hierarchy.plain import BIRDS, coherent, leaves_below, often, trees


def sharpened(n, seed, powers):
    """Labels drawn from probabilities, which are then sharpened level by level."""
    rng = np.random.default_rng(seed)
    honest = coherent(BIRDS, rng, n)
    column = (honest[:, BIRDS.leaves].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    scores = np.ones_like(honest)
    for level, power in zip(BIRDS.levels[1:], powers, strict=True):
        raised = honest[:, level] ** power
        scores[:, level] = raised / raised.sum(axis=1, keepdims=True)
    return BIRDS.leaves[column], scores, honest


def test_planted_temperatures_are_found():
    true, scores, honest = sharpened(8_000, 0, (2.0, 0.5))
    found = LevelTemperatures.fit(true, scores, tree=BIRDS)
    assert found.values == pytest.approx([2.0, 0.5], rel=0.08)
    before = level_calibration_error(true, scores, tree=BIRDS)
    after = level_calibration_error(true, found.apply(scores), tree=BIRDS)
    assert (after < before / 3).all()
    planted = LevelTemperatures(BIRDS, np.array([2.0, 0.5]))
    assert np.abs(planted.apply(scores) - honest).max() < 1e-6


@often
@given(trees(min_nodes=1), st.integers(0, 10_000))
def test_cuts_add_up_and_one_changes_nothing(tree, seed):
    scores = coherent(tree, np.random.default_rng(seed), 4)
    unchanged = LevelTemperatures(tree, np.ones(tree.height)).apply(scores)
    assert np.allclose(unchanged, scores, atol=1e-9)
    warm = LevelTemperatures(tree, np.full(tree.height, 1.7)).apply(scores)
    for depth in range(1, tree.height + 1):
        cut = level_cut(tree, depth)
        below = [v for node in cut.tolist() for v in leaves_below(tree, node)]
        assert sorted(below) == tree.leaves.tolist()  # every leaf below exactly one
        if (tree.depths[cut] == depth).all():
            assert np.allclose(warm[:, cut].sum(axis=1), 1)


def test_a_temperature_by_hand():
    tree = Tree.from_paths([("a",), ("b",)])
    found = LevelTemperatures(tree, np.array([2.0])).apply([[1, 0.8, 0.2]])
    assert found.tolist() == [[1, pytest.approx(2 / 3), pytest.approx(1 / 3)]]  # 4:1 -> 2:1


def test_a_level_without_labels_keeps_one():
    true, scores, _ = sharpened(500, 1, (2.0, 2.0))
    found = LevelTemperatures.fit(BIRDS.parents[true], scores, tree=BIRDS)
    assert found.values[0] > 1.5 and found.values[1] == 1


def test_logits_are_refused():
    with pytest.raises(InputError, match="make probabilities of logits"):
        LevelTemperatures.fit([3], [[-1.0] * 8], tree=BIRDS)
