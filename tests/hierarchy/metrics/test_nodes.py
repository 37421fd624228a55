"""Ancestor sets, distances and full paths against sets and loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.metrics import (
    edge_distance_error,
    full_path_accuracy_score,
    hierarchical_distance_at_k_error,
    hierarchical_distance_error,
    hierarchical_f_score,
    hierarchical_scores,
    mistake_severity_error,
)
from tests.hierarchy.plain import BIRDS, common, height, line, often, tied, trees


@st.composite
def pairs(draw):
    tree = draw(trees())
    node = st.integers(0, tree.n_nodes - 1)
    both = draw(st.lists(st.tuples(node, node), min_size=1, max_size=6))
    return tree, *map(list, zip(*both, strict=True))


def sets(tree, node):
    return set(line(tree.parents.tolist(), node)) - {0}


@often
@given(pairs())
def test_ancestor_sets_agree_with_python_sets(case):
    tree, true, predicted = case
    both = [(sets(tree, g), sets(tree, p)) for g, p in zip(true, predicted, strict=True)]
    shared, shown, held = (
        sum(len(part) for part in parts)
        for parts in ([g & p for g, p in both], [p for _, p in both], [g for g, _ in both])
    )
    found = hierarchical_scores(true, predicted, tree=tree)
    assert found.precision == pytest.approx(shared / shown if shown else 1)
    assert found.recall == pytest.approx(shared / held if held else 1)
    each = [(len(g & p) / len(p) if p else 1, len(g & p) / len(g) if g else 1) for g, p in both]
    f = [2 * a * b / (a + b) if a + b else 0 for a, b in each]
    macro = hierarchical_scores(true, predicted, tree=tree, average="macro")
    assert macro == pytest.approx((*np.mean(each, axis=0), np.mean(f)))


@often
@given(pairs())
def test_distances_agree_with_loops(case):
    tree, true, predicted = case
    both = list(zip(true, predicted, strict=True))
    heights = [height(tree, common(tree, g, p)) for g, p in both]
    wrong = [h for h, (g, p) in zip(heights, both, strict=True) if g != p]
    assert mistake_severity_error(true, predicted, tree=tree) == (np.mean(wrong) if wrong else 0)
    assert hierarchical_distance_error(true, predicted, tree=tree) == np.mean(heights)
    edges = [len(sets(tree, g) ^ sets(tree, p)) for g, p in both]
    assert edge_distance_error(true, predicted, tree=tree) == np.mean(edges)
    assert edge_distance_error(predicted, true, tree=tree) == np.mean(edges)


@often
@given(pairs())
def test_the_label_itself_is_best(case):
    tree, true, predicted = case
    assert (
        hierarchical_f_score(true, true, tree=tree)
        == 1
        == full_path_accuracy_score(true, true, tree=tree)
    )
    assert (
        edge_distance_error(true, true, tree=tree)
        == 0
        == mistake_severity_error(true, true, tree=tree)
    )
    share = np.mean(np.array(true) == np.array(predicted))
    assert full_path_accuracy_score(true, predicted, tree=tree) == share


def test_figures_by_hand():
    jay, wren, cod = BIRDS.encode([("bird", "jay"), ("bird", "wren"), ("fish", "cod")])
    true, predicted = [jay, jay, jay, jay], [jay, wren, cod, 1]
    assert mistake_severity_error(true, predicted, tree=BIRDS) == (1 + 2 + 1) / 3
    assert hierarchical_distance_error(true, predicted, tree=BIRDS) == 1
    assert edge_distance_error(true, predicted, tree=BIRDS) == (0 + 2 + 4 + 1) / 4
    found = hierarchical_scores(true, predicted, tree=BIRDS)
    assert found == pytest.approx((4 / 7, 4 / 8, 2 * 4 / 15))


def test_the_best_k_leaves():
    scores = np.array([[1, 0.6, 0.4, 0.1, 0.5, 0.4, 0.0, 0.0]])  # wren, cod, jay, eel, pike
    jay = [3]
    distances = [hierarchical_distance_at_k_error(jay, scores, tree=BIRDS, k=k) for k in (1, 2, 3)]
    assert distances == [1, (1 + 2) / 2, (1 + 2 + 0) / 3]
    with pytest.raises(InputError, match="k from 1 to 5"):
        hierarchical_distance_at_k_error(jay, scores, tree=BIRDS, k=6)


@often
@given(trees(), st.integers(0, 10_000), st.integers(1, 4))
def test_the_best_k_leaves_agree_with_sorting(tree, seed, k):
    rng, k = np.random.default_rng(seed), min(k, tree.n_leaves)
    scores, true = tied(tree, rng, 5), rng.choice(tree.leaves, 5)
    heights = [
        height(tree, common(tree, g, v))
        for g, row in zip(true.tolist(), scores, strict=True)
        for v in sorted(tree.leaves.tolist(), key=lambda v, r=row: (-r[v], v))[:k]
    ]
    found = hierarchical_distance_at_k_error(true, scores, tree=tree, k=k)
    assert found == pytest.approx(np.mean(heights))


def test_the_best_leaf_is_the_first_of_k():
    rng = np.random.default_rng(0)
    scores, true = tied(BIRDS, rng, 30), rng.choice(BIRDS.leaves, 30)
    best = BIRDS.leaves[scores[:, BIRDS.leaves].argmax(axis=1)]
    assert hierarchical_distance_at_k_error(true, scores, tree=BIRDS, k=1) == pytest.approx(
        hierarchical_distance_error(true, best, tree=BIRDS)
    )


def test_full_paths_of_predictions_per_level():
    true = BIRDS.encode([("bird", "jay"), ("bird", "jay"), ("fish",), ("fish",)])
    levels = np.array([[1, 3], [2, 3], [2, 3], [1, 5]])
    assert full_path_accuracy_score(true, levels, tree=BIRDS) == 0.5
    with pytest.raises(InputError, match="each of 2 levels"):
        full_path_accuracy_score(true, levels[:, :1], tree=BIRDS)


def test_several_parents_count_by_all_lines():
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    seal, cod = tree.node("seal"), tree.node("cod")
    found = hierarchical_scores([seal], [cod], tree=tree)  # shared: sea
    assert found == pytest.approx((1 / 2, 1 / 3, 0.4))
    with pytest.raises(InputError, match="one parent per class"):
        edge_distance_error([seal], [cod], tree=tree)


def test_an_unknown_average_is_refused():
    with pytest.raises(InputError, match="'micro' or 'macro'"):
        hierarchical_scores([1], [1], tree=BIRDS, average="weighted")
