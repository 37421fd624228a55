"""Two sweeps against the dense solve, the iteration they are the limit of, and a case by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import Diffusion, LearnedDiffusion, choose_alpha
from tests.hierarchy.plain import BIRDS, coherent, often, tied, trees

seeds = st.integers(0, 10_000)
alphas = st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99])


def normalised(tree):
    """D^-1/2 W D^-1/2 as a dense table."""
    table = np.zeros((tree.n_nodes, tree.n_nodes))
    for child, parent in enumerate(tree.parents.tolist()):
        if parent >= 0:
            table[child, parent] = table[parent, child] = 1
    root = np.sqrt(np.maximum(table.sum(axis=1), 1))
    return table / root / root[:, None]


@often
@given(trees(min_nodes=1), seeds, alphas)
def test_two_sweeps_are_the_dense_solve(tree, seed, alpha):
    scores = tied(tree, np.random.default_rng(seed), 4)
    dense = (1 - alpha) * np.linalg.solve(np.eye(tree.n_nodes) - alpha * normalised(tree), scores.T)
    found = Diffusion(tree, alpha).apply(scores, keep_mass=False)
    assert np.allclose(found, dense.T, atol=1e-9)


@often
@given(trees(), seeds)
def test_the_limit_of_the_iteration(tree, seed):
    start = coherent(tree, np.random.default_rng(seed), 3)
    field, walk = start, normalised(tree)
    for _ in range(200):
        field = 0.7 * field @ walk + 0.3 * start
    assert np.allclose(Diffusion(tree, 0.7).apply(start, keep_mass=False), field)


@often
@given(trees(), seeds, alphas)
def test_levels_keep_their_mass(tree, seed, alpha):
    start = coherent(tree, np.random.default_rng(seed), 3)
    found = Diffusion(tree, alpha).apply(start)
    assert (found >= 0).all()
    for level in tree.levels:
        assert np.allclose(found[:, level].sum(axis=1), start[:, level].sum(axis=1))


def test_a_line_of_two_by_hand():
    tree = Tree.from_paths([("a", "x")])  # one edge of weight 1
    found = Diffusion(tree, 0.5).apply([[1.0, 0.0]], keep_mass=False)
    assert found.tolist() == [[pytest.approx(2 / 3), pytest.approx(1 / 3)]]


def test_an_unsure_leaf_head_is_corrected_by_its_parents():
    heads = np.array([[1, 0.9, 0.1, 0.3, 0.25, 0.35, 0.1, 0.0]])  # coarse head: bird; fine: cod
    found = Diffusion(BIRDS, 0.8).apply(heads)
    assert BIRDS.leaves[found[0, BIRDS.leaves].argmax()] == BIRDS.node("jay")


def planted(n, seed):
    """Leaf and coarse heads with independent faults: neighbours help."""
    rng = np.random.default_rng(seed)
    true = rng.choice(BIRDS.leaves, n)
    scores = np.ones((n, BIRDS.n_nodes))
    for nodes in BIRDS.levels[1:]:
        noise = rng.normal(0, 1.2, (n, len(nodes))) + 2 * BIRDS.ancestors[true][:, nodes]
        scores[:, nodes] = np.exp(noise) / np.exp(noise).sum(axis=1, keepdims=True)
    return true, scores


def test_alpha_is_chosen_on_held_out_data():
    true, scores = planted(400, 0)
    assert choose_alpha(true, scores, tree=BIRDS) > 0
    perfect = BIRDS.ancestors[true].astype(float)
    assert choose_alpha(true, perfect, tree=BIRDS) == 0


def log_loss(true, scores):
    return -np.log(scores[np.arange(len(true)), true] + 1e-12).mean()


def test_the_learned_map_starts_at_the_closed_form_and_betters_it():
    true, scores = planted(1_500, 1)
    closed = Diffusion(BIRDS, 0.5)
    start = LearnedDiffusion.fit(true, scores, tree=BIRDS, epochs=0)
    assert np.allclose(start.apply(scores), closed.apply(scores))
    learned = LearnedDiffusion.fit(true, scores, tree=BIRDS, epochs=10)
    fresh, fresh_scores = planted(2_000, 2)
    before = log_loss(fresh, closed.apply(fresh_scores))
    assert log_loss(fresh, learned.apply(fresh_scores)) < before - 0.05
    again = LearnedDiffusion.fit(true, scores, tree=BIRDS, epochs=10)
    assert (again.matrix == learned.matrix).all()


def test_a_high_price_keeps_the_closed_form():
    true, scores = planted(100, 3)
    held = LearnedDiffusion.fit(true, scores, tree=BIRDS, epochs=5, price=1e9)
    free = LearnedDiffusion.fit(true, scores, tree=BIRDS, epochs=5, price=0.0)
    start = Diffusion(BIRDS, 0.5).solve(np.eye(BIRDS.n_nodes))
    assert np.abs(held.matrix / start - 1).max() < np.abs(free.matrix / start - 1).max() / 2


def test_labels_at_inner_nodes_teach_their_levels_only():
    true, scores = planted(50, 4)
    coarse = BIRDS.parents[true]
    learned = LearnedDiffusion.fit(coarse, scores, tree=BIRDS, epochs=2, price=0.0)
    start = Diffusion(BIRDS, 0.5).solve(np.eye(BIRDS.n_nodes))
    changed = ~np.isclose(learned.matrix, start, rtol=1e-5).all(axis=1)
    assert changed.tolist() == [False, True, True, *[False] * 5]


def test_refusals():
    with pytest.raises(ConfigError, match="from 0 to below 1, found 1"):
        Diffusion(BIRDS, 1.0)
    dag = Tree.from_relation(["a", "b"], ["x"], [[1, 1]])
    with pytest.raises(InputError, match="two sweeps needs one parent"):
        Diffusion(dag)
    wide = Tree.from_levels([f"n{i}" for i in range(5_000)])
    with pytest.raises(InputError, match="at most 5000 nodes"):
        LearnedDiffusion.fit([1], np.zeros((1, 5_001)), tree=wide)
