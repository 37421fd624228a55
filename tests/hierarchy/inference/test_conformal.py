"""Conformal sets of nodes: coverage over draws, and covers against all subsets of nodes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import ConformalSets, set_coverage_score
from falcon_svc.hierarchy.inference.covers import exact_nodes, smallest_cover
from tests.hierarchy.plain import BIRDS, coherent, leaves_below, often, trees


def held(tree, nodes):
    return {leaf for node in nodes for leaf in leaves_below(tree, node)}


@often
@given(trees(max_nodes=9), st.data())
def test_covers_are_the_smallest_of_all_subsets(tree, data):
    leaves = data.draw(st.sets(st.sampled_from(tree.leaves.tolist()), min_size=1))
    most = data.draw(st.integers(1, 3))
    found = smallest_cover(np.array(sorted(leaves)), tree, most).tolist()
    subsets = [s for r in range(1, most + 1) for s in combinations(range(tree.n_nodes), r)]
    best = min(len(held(tree, s)) for s in subsets if leaves <= held(tree, s))
    assert leaves <= held(tree, found) and len(held(tree, found)) == best and len(found) <= most
    shortest = min(
        len(s) for s in subsets if leaves <= held(tree, s) and len(held(tree, s)) == best
    )
    assert len(found) == shortest


@often
@given(trees(max_nodes=9), st.data())
def test_exact_nodes_are_the_fewest_with_these_leaves(tree, data):
    leaves = data.draw(st.sets(st.sampled_from(tree.leaves.tolist()), min_size=1))
    found = exact_nodes(np.isin(tree.leaves, sorted(leaves)), tree).tolist()
    assert held(tree, found) == leaves
    subsets = (s for r in range(1, len(found)) for s in combinations(range(tree.n_nodes), r))
    assert not any(held(tree, s) == leaves for s in subsets)


def planted(n, seed):
    rng = np.random.default_rng(seed)
    tree = Tree.from_paths([(f"a{i // 4}", f"b{i // 2}", f"c{i}") for i in range(12)])
    scores = coherent(tree, rng, n)
    column = (scores[:, tree.leaves].cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return tree, tree.leaves[column], scores


@pytest.mark.parametrize("conformity", ["probability", "cumulative"])
@pytest.mark.parametrize("max_nodes", [1, 2, None])
def test_sets_hold_the_label_as_often_as_promised(conformity, max_nodes):
    tree, true, scores = planted(1_200, 0)
    shares = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(true))
        own, rest = order[:400], order[400:600]
        rule = ConformalSets.fit(
            true[own], scores[own], tree=tree, coverage=0.8, max_nodes=max_nodes,
            conformity=conformity,
        )  # fmt: skip
        sets = rule.predict(scores[rest])
        assert all(len(nodes) >= 1 for nodes in sets)
        assert max_nodes is None or all(len(nodes) <= max_nodes for nodes in sets)
        shares.append(set_coverage_score(true[rest], sets, tree=tree))
    assert np.mean(shares) > 0.78
    assert max_nodes is not None or np.mean(shares) < 0.86  # the leaves themselves: hardly more


def test_more_nodes_allow_fewer_leaves():
    tree, true, scores = planted(600, 1)
    sizes = []
    for most in (1, 2, 3, None):
        rule = ConformalSets.fit(true, scores, tree=tree, max_nodes=most)
        sizes.append(np.mean([len(held(tree, s.tolist())) for s in rule.predict(scores[:100])]))
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


def test_sets_by_hand():
    # Nine calibration labels with probabilities 0.1 .. 0.9: coverage 0.8 keeps all above the 2nd.
    scores = np.zeros((9, 8))
    scores[:, 3] = np.arange(1, 10) / 10
    scores[:, 4] = 1 - scores[:, 3]
    rule = ConformalSets.fit([3] * 9, scores, tree=BIRDS, coverage=0.8, max_nodes=2)
    assert rule.threshold == 0.2
    row = np.array([[1, 0.5, 0.5, 0.3, 0.2, 0.4, 0.05, 0.05]])  # jay, wren, cod: bird and cod
    assert [nodes.tolist() for nodes in rule.predict(row)] == [[1, 5]]
    single = ConformalSets.fit([3] * 9, scores, tree=BIRDS, coverage=0.8, max_nodes=1)
    assert [nodes.tolist() for nodes in single.predict(row)] == [[0]]


def test_too_few_samples_give_everything():
    rule = ConformalSets.fit([3], np.ones((1, 8)), tree=BIRDS, coverage=0.9)
    assert rule.threshold == -np.inf
    assert [nodes.tolist() for nodes in rule.predict(np.ones((1, 8)))] == [[0]]


def test_refusals():
    with pytest.raises(InputError, match="inner class at row 0"):
        ConformalSets.fit([1], np.ones((1, 8)), tree=BIRDS)
    for settings, message in (
        ({"coverage": 1}, "coverage between"),
        ({"max_nodes": 0}, "max_nodes of 1 or more"),
        ({"conformity": "margin"}, "'probability' or 'cumulative'"),
    ):
        with pytest.raises(ConfigError, match=message):
            ConformalSets.fit([3], np.ones((1, 8)), tree=BIRDS, **settings)
