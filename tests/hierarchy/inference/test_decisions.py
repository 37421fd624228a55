"""Decisions against their definitions, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import (
    leaf_prediction,
    level_argmax,
    majority_prediction,
    plurality_prediction,
    threshold_prediction,
)
from tests.hierarchy.plain import BIRDS, coherent, leaves_below, line, often, tied, trees

seeds = st.integers(0, 10_000)


def plain_choice(tree, row, threshold):
    """The most specific node above the threshold that is no single-child node."""
    parents = tree.parents.tolist()
    nodes = [
        v
        for v in range(1, tree.n_nodes)
        if parents.count(v) != 1
        and row[v] > threshold
        and (len(leaves_below(tree, v)) < tree.n_leaves or tree.n_leaves == 1)
    ]
    return min(nodes, key=lambda v: (len(leaves_below(tree, v)), -row[v], v), default=0)


@often
@given(trees(), seeds, st.sampled_from([coherent, tied]), st.sampled_from([0.0, 0.25, 0.5, 0.8]))
def test_thresholds_agree_with_loops(tree, seed, make, threshold):
    scores = make(tree, np.random.default_rng(seed), 5)
    found = threshold_prediction(scores, tree=tree, threshold=threshold)
    assert found.tolist() == [plain_choice(tree, row, threshold) for row in scores]


@often
@given(trees(), seeds, st.sampled_from([coherent, tied]))
def test_plurality_agrees_with_loops(tree, seed, make):
    scores = make(tree, np.random.default_rng(seed), 5)
    families = [tree.children.of(v).tolist() for v in range(tree.n_nodes)]
    expected = [
        plain_choice(
            tree, row, max((sorted(row[f])[-2] for f in families if len(f) > 1), default=-np.inf)
        )
        for row in scores
    ]
    assert plurality_prediction(scores, tree=tree).tolist() == expected


@often
@given(trees(), seeds)
def test_a_majority_holds_all_nodes_of_more_than_half(tree, seed):
    scores = coherent(tree, np.random.default_rng(seed), 5)
    for node, row in zip(majority_prediction(scores, tree=tree).tolist(), scores, strict=True):
        path = line(tree.parents.tolist(), node)
        below = set(np.flatnonzero(row > 0.5 + 1e-9)) - set(path)
        assert all(leaves_below(tree, v) == leaves_below(tree, node) for v in below)


def test_decisions_by_hand():
    scores = np.array([[1, 0.6, 0.4, 0.35, 0.25, 0.2, 0.1, 0.1]])
    assert leaf_prediction(scores, tree=BIRDS).tolist() == [3]
    assert majority_prediction(scores, tree=BIRDS).tolist() == [1]
    assert plurality_prediction(scores, tree=BIRDS).tolist() == [1]  # above fish's 0.4
    assert level_argmax(scores, tree=BIRDS).tolist() == [[1, 3]]
    scores[0, 2] = 0.7
    assert level_argmax(scores, tree=BIRDS).tolist() == [[2, 3]]  # heads that disagree
    assert threshold_prediction(scores, tree=BIRDS, threshold=2).tolist() == [0]


def test_several_parents():
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    assert majority_prediction([[1, 0.75, 1, 0.75, 0.25]], tree=tree).tolist() == [3]
    with pytest.raises(InputError, match="runner-up among siblings needs"):
        plurality_prediction(np.ones((1, 5)), tree=tree)


def test_no_samples_have_no_predictions():
    none = np.zeros((0, 8))
    assert leaf_prediction(none, tree=BIRDS).shape == (0,)
    assert level_argmax(none, tree=BIRDS).shape == (0, 2)
    with pytest.raises(InputError, match="NaN"):
        leaf_prediction(np.full((1, 8), np.nan), tree=BIRDS)
