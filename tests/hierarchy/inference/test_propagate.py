"""Sums up, products down and ensembles against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import bottom_up, hierarchical_ensemble, top_down
from tests.hierarchy.plain import BIRDS, coherent, leaves_below, line, often, trees

seeds = st.integers(0, 10_000)


@often
@given(trees(), seeds)
def test_sums_up_agree_with_loops(tree, seed):
    leaf = np.random.default_rng(seed).random((4, tree.n_leaves))
    place = {v: i for i, v in enumerate(tree.leaves.tolist())}
    expected = [
        [sum(row[place[v]] for v in leaves_below(tree, node)) for node in range(tree.n_nodes)]
        for row in leaf
    ]
    assert np.allclose(bottom_up(leaf, tree=tree), expected)
    assert bottom_up(leaf.astype(np.float32), tree=tree).dtype == np.float32


@often
@given(trees(), seeds)
def test_products_down_agree_with_loops(tree, seed):
    given_parent = np.random.default_rng(seed).random((4, tree.n_nodes))
    parents = tree.parents.tolist()
    expected = [
        [np.prod([row[v] for v in line(parents, node)[:-1]]) for node in range(tree.n_nodes)]
        for row in given_parent
    ]
    before = given_parent.copy()
    assert np.allclose(top_down(given_parent, tree=tree), expected)
    assert (given_parent == before).all()


@often
@given(trees(), seeds)
def test_sums_and_products_are_each_others_inverse(tree, seed):
    scores = coherent(tree, np.random.default_rng(seed), 4)
    above = scores[:, np.maximum(tree.parents, 0)]
    conditional = np.divide(scores, above, out=np.zeros_like(scores), where=above > 0)
    assert np.allclose(top_down(conditional, tree=tree), scores)
    assert np.allclose(bottom_up(scores[:, tree.leaves], tree=tree), scores)


def test_an_ensemble_by_hand():
    scores = np.zeros((2, 8))
    scores[0] = [1, 0.1, 0.9, 0.5, 0, 0.3, 0.2, 0]
    scores[1] = [1, 1.0, 0.0, 0.0, 0, 0.6, 0.4, 0]  # all products 0: the leaves stand
    found = hierarchical_ensemble(scores, tree=BIRDS)
    total = 0.05 + 0.27 + 0.18
    assert found[0] == pytest.approx([1, 0.1, 0.9, 0.1, 0, 0.27 / total, 0.18 / total, 0])
    assert found[1] == pytest.approx([1, 0, 1, 0, 0, 0.6, 0.4, 0])


@often
@given(trees(), seeds)
def test_an_ensemble_of_heads_that_agree_sharpens(tree, seed):
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.01, 1, (5, tree.n_nodes))
    found = hierarchical_ensemble(scores, tree=tree)
    assert np.allclose(found[:, 0], 1) and (found >= 0).all()
    uniform = np.ones((1, tree.n_nodes))
    assert np.allclose(
        hierarchical_ensemble(uniform, tree=tree),
        bottom_up(np.full((1, tree.n_leaves), 1 / tree.n_leaves), tree=tree),
    )


def test_a_leaf_with_several_parents_counts_once_for_each():
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    assert bottom_up([[0.75, 0.25]], tree=tree).tolist() == [[1, 0.75, 1, 0.75, 0.25]]
    with pytest.raises(InputError, match="one parent per class"):
        top_down(np.ones((1, 5)), tree=tree)


def test_columns_must_be_those_of_the_tree():
    with pytest.raises(InputError, match=r"shape \(n, 5\).*\(1, 8\)"):
        bottom_up(np.ones((1, 8)), tree=BIRDS)
    assert top_down(np.ones((0, 8)), tree=BIRDS).shape == (0, 8)
