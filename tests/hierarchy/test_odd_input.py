"""Trees and scores at the edge: unbalanced depths, broken sums, classes of one sample."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import HierarchicalClassifier, Tree
from falcon_svc.hierarchy.diagrams import diagrams
from falcon_svc.hierarchy.evaluation import evaluate_scores
from falcon_svc.hierarchy.inference import (
    Diffusion,
    LevelTemperatures,
    bottom_up,
    hierarchical_ensemble,
    top_down,
)
from falcon_svc.hierarchy.losses import LOSSES
from falcon_svc.supervised.training import train_on

PATHS = [("a", "x"), ("a", "y"), ("b", "z"), ("b", "w")]


def comb(depth: int) -> Tree:
    """One leaf at every depth from 1 to `depth`, and two at the last: as unbalanced as can be."""
    line = tuple(f"v{d}" for d in range(1, depth + 1))
    leaves = [(*line[:d], f"leaf {d + 1}") for d in range(depth)]
    return Tree.from_paths([*leaves, line])


@pytest.mark.parametrize("depth", [1, 2, 5, 12])
def test_unbalanced_trees_of_any_depth_are_judged_and_drawn(depth):
    tree = comb(depth)
    draw = np.random.default_rng(0)
    leaves = draw.dirichlet(np.full(tree.n_leaves, 0.3), size=200)
    true = tree.leaves[[draw.choice(tree.n_leaves, p=row) for row in leaves]]
    scores = bottom_up(leaves, tree=tree)
    found = evaluate_scores(true, scores, tree=tree)
    assert 0 < found["average_precision_information"] <= 1
    assert found["level_violation"] is not None and found["soft_violation"] == 0
    assert len(diagrams(true, scores, tree=tree).reliability.counts) == tree.height


@pytest.mark.parametrize("loss", [name for name in LOSSES if name != "hccf"])
def test_every_loss_learns_a_tree_of_twelve_levels(loss):
    tree = comb(12)
    nodes = np.repeat(tree.leaves, 12)
    noise = np.random.default_rng(0).normal(size=(len(nodes), tree.n_nodes))
    x = 6 * np.eye(tree.n_nodes)[nodes] + noise
    model = HierarchicalClassifier(loss, tree=tree, random_state=0).fit(x, tree.decode(nodes))
    assert (tree.encode(model.predict(x)) == nodes).mean() > 0.8


def test_probabilities_that_contradict_the_tree_are_judged_as_they_are():
    """Nothing is mended in silence: the violation rates tell of it."""
    tree = Tree.from_paths(PATHS)
    scores = np.array([[1.0, 0.1, 0.9, 0.8, 0.1, 0.05, 0.05]])  # x is likelier than a
    found = evaluate_scores(tree.encode([("a", "x")]), scores, tree=tree)
    assert found["level_violation"] == 1 and found["soft_violation"] > 0
    assert found["leaf_top1"] == 1


RULES = {
    "sums": lambda scores, tree: bottom_up(scores[:, tree.leaves], tree=tree),
    "products": lambda scores, tree: top_down(scores, tree=tree),
    "ensemble": lambda scores, tree: hierarchical_ensemble(scores, tree=tree),
    "diffusion": lambda scores, tree: Diffusion(tree, 0.5).apply(scores),
    "temperatures": lambda scores, tree: LevelTemperatures.fit([3] * 2, scores, tree=tree),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("wrong", "found"), [(np.nan, "NaN|nan"), (np.inf, "inf"), (-3.0, "-3")])
def test_rules_of_probabilities_refuse_what_is_none(rule, wrong, found):
    """Infinite or negative scores gave NaN, or shares below 0, without a word."""
    tree = Tree.from_paths(PATHS)
    scores = np.tile([1.0, 0.6, 0.4, 0.3, 0.3, 0.2, 0.2], (2, 1))
    RULES[rule](scores, tree)
    RULES[rule](scores + 1e-9, tree)  # rounding is none of it
    scores[1, 4] = wrong
    with pytest.raises(InputError, match=f"found ({found}) at row 1"):
        RULES[rule](scores, tree)


def test_a_class_of_one_sample_may_fall_into_the_held_out_part():
    draw = np.random.default_rng(0)
    paths = [PATHS[i % 3] for i in range(60)] + [PATHS[3]]
    places = [PATHS.index(path) for path in paths]
    x = draw.normal(size=(61, 4)) + 5 * np.eye(4)[places]
    for seed in range(4):
        model = HierarchicalClassifier(random_state=seed)
        trained = train_on(model, x, paths, test_share=0.5)
        assert trained.model.tree_.n_leaves == 4
        assert trained.model.card_["metrics"]["held_out"]["leaf_top1"] > 0.8


def test_names_that_look_the_same_are_one_class():
    """As labels of a discovery are; blanks, letters in two parts and 2.0 made further classes."""
    rows = [
        ("a ", "x"),
        ("a", "y\u0301"),
        ("a", 2.0),
        ("b", np.nan),
        ("b", -1),
        ("b", np.float32("nan")),
    ]
    tree = Tree.from_paths(rows)
    assert tree.paths == ((), ("a",), ("b",), ("a", "x"), ("a", "\u00fd"), ("a", "2"))
    assert tree.encode([(" a", "2"), ("a", "\u00fd"), ("b", None)]).tolist() == [5, 4, 2]
    assert Tree.from_levels(np.array([["a", "b"], ["a", np.nan]])).n_nodes == 2  # the text "nan"
    assert tree.node("y\u0301 ") == 4
    with pytest.raises(InputError, match="'x' twice"):
        Tree.from_parents(["r", "x", "x "], [-1, 0, 0])


def test_a_classifier_reads_names_as_a_discovery_does():
    x = np.random.default_rng(0).normal(size=(40, 3)) + 9 * np.eye(3)[np.arange(40) % 2]
    clean = [("a", "xy"[i % 2]) for i in range(40)]
    odd = [(top, low + " " * (i % 3)) for i, (top, low) in enumerate(clean)]
    model = HierarchicalClassifier(random_state=0).fit(x, odd)
    assert model.predict(x).tolist() == [list(path) for path in clean]
    tree = Tree.from_paths(clean)
    names = [np.nan, " x", *(low for _, low in clean[2:])]
    assert (
        HierarchicalClassifier(tree=tree).fit(x, names).card_["trained_on"]["rows_without_label"]
        == 1
    )
