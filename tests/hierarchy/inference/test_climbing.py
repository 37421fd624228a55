"""Climbing: its threshold, and whether the promise is kept over many draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import Climbing
from falcon_svc.hierarchy.inference.climbing import promised_rank
from falcon_svc.hierarchy.metrics import node_correct_score
from tests.hierarchy.plain import BIRDS, coherent, line, often, tied, trees


def plain_climb(tree, row, threshold):
    leaf = max(tree.leaves.tolist(), key=lambda v: (row[v], -v))
    return next((v for v in line(tree.parents.tolist(), leaf)[:-1] if row[v] > threshold), 0)


@often
@given(trees(), st.integers(0, 10_000), st.sampled_from([coherent, tied]))
def test_predictions_agree_with_loops(tree, seed, make):
    scores = make(tree, np.random.default_rng(seed), 6)
    for threshold in (-np.inf, 0.0, 0.25, 0.5, 0.9, np.inf):
        rule = Climbing(tree, threshold, 0.9, None, 1)
        expected = [plain_climb(tree, row, threshold) for row in scores]
        assert rule.predict(scores).tolist() == expected


@often
@given(trees(), st.integers(0, 10_000), st.sampled_from([0.2, 0.5, 0.8]))
def test_the_threshold_is_the_lowest_that_is_right_often_enough(tree, seed, target):
    rng = np.random.default_rng(seed)
    true, scores = rng.integers(0, tree.n_nodes, 19), coherent(tree, rng, 19)
    rule = Climbing.fit(true, scores, tree=tree, target=target, confidence=None)
    rank = int(np.ceil(20 * target))

    def right(threshold):
        nodes = Climbing(tree, threshold, target, None, 19).predict(scores)
        return node_correct_score(true, nodes, tree=tree) * 19

    assert right(rule.threshold) > rank - 0.5
    lower = [t for t in np.unique(scores) if t < rule.threshold]
    assert all(right(t) < rank - 0.5 for t in lower[-1:])


def test_a_threshold_by_hand():
    # Four samples whose best leaf is jay: bird holds for wrens, nothing below the root for cods.
    scores = np.tile([1, 0.6, 0.4, 0.5, 0.1, 0.2, 0, 0.0], (4, 1))
    scores[:, 3] = [0.5, 0.45, 0.4, 0.35]
    jay, wren = BIRDS.node("jay"), BIRDS.node("wren")
    rule = Climbing.fit([jay, jay, wren, wren], scores, tree=BIRDS, target=0.7, confidence=None)
    assert rule.threshold == 0.4  # needed: -inf, -inf, 0.4, 0.35; the 4th of 4
    assert rule.predict(scores).tolist() == [jay, jay, 1, 1]


def planted(n, seed):
    """Over-sure probabilities of a three-level tree whose leaves are easily confused."""
    tree = Tree.from_paths([(f"a{i // 9}", f"b{i // 3}", f"c{i}") for i in range(27)])
    rng = np.random.default_rng(seed)
    true = rng.choice(tree.leaves, n)
    below = tree.ancestors[tree.leaves]
    hidden = np.stack([below[:, tree.path(leaf)[1:]].sum(axis=1) for leaf in tree.leaves])
    logits = 2.5 * (hidden[np.searchsorted(tree.leaves, true)] + rng.normal(0, 0.8, (n, 27)))
    leaf = np.exp(logits - logits.max(1, keepdims=True))
    return tree, true, leaf / leaf.sum(1, keepdims=True) @ tree.ancestors[tree.leaves]


def kept(tree, true, scores, target, confidence, n_future=None):
    """Shares of 100 resamplings whose accuracy reaches the target, and mean accuracy."""
    rng, accuracies = np.random.default_rng(0), []
    for _ in range(100):
        order = rng.permutation(len(true))
        own, rest = order[:500], order[500:]
        rule = Climbing.fit(
            true[own], scores[own], tree=tree, target=target, confidence=confidence,
            n_future=n_future,
        )  # fmt: skip
        nodes = rule.predict(scores[rest])
        accuracies.append(node_correct_score(true[rest], nodes, tree=tree))
    return np.mean(np.array(accuracies) >= target), np.mean(accuracies)


def test_the_promise_is_kept_over_100_resamplings():
    target, (tree, true, scores) = 0.9, planted(1_500, 0)
    share, mean = kept(tree, true, scores, target, 0.99, n_future=1_000)
    assert share >= 0.95 and mean < target + 0.05
    on_average, mean = kept(tree, true, scores, target, None)
    assert on_average < 0.8 and abs(mean - target) < 0.01


def test_ranks_follow_the_tolerance_bound():
    # 59 samples for 95 % of 95 %: 0.95 ** 59 < 0.05 (Wilks, 1941)
    assert promised_rank(58, 0.95, 0.95) == 59 and promised_rank(59, 0.95, 0.95) == 59
    assert promised_rank(99, 0.9, None) == 90 and promised_rank(9, 0.7, None) == 7
    assert promised_rank(500, 0.9, 0.95, 100) > promised_rank(500, 0.9, 0.95) > 450
    rng = np.random.default_rng(0)
    rank = promised_rank(200, 0.9, 0.95)
    draws = np.sort(rng.random((20_000, 200)), axis=1)[:, rank - 1]
    assert np.mean(draws >= 0.9) >= 0.945
    assert np.mean(np.sort(rng.random((20_000, 200)), axis=1)[:, rank - 2] >= 0.9) < 0.955


def test_too_few_samples_for_the_promise_stay_at_the_root():
    tree, true, scores = planted(20, 1)
    rule = Climbing.fit(true, scores, tree=tree, target=0.99)
    assert rule.threshold == np.inf and (rule.predict(scores) == 0).all()


def test_shares_outside_0_and_1_are_refused():
    with pytest.raises(ConfigError, match="target between 0 and 1, found 90"):
        promised_rank(10, 90, 0.95)
    with pytest.raises(ConfigError, match="confidence between 0 and 1, found 1"):
        promised_rank(10, 0.9, 1)
