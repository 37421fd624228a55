"""All figures at once are those of the single functions."""

from __future__ import annotations

import numpy as np

from falcon_svc.hierarchy import Tree, metrics
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from falcon_svc.hierarchy.inference import leaf_prediction
from tests.hierarchy.plain import BIRDS, coherent


def test_every_figure_is_its_functions():
    rng = np.random.default_rng(0)
    true, scores = rng.choice(BIRDS.leaves, 40), coherent(BIRDS, rng, 40)
    found = evaluate_scores(true, scores, tree=BIRDS)
    for name in ("majority_f1", "leaf_f1", "leaf_top1"):
        assert found[name] == getattr(metrics, f"{name}_score")(true, scores, tree=BIRDS)
    for name in ("hierarchical_aurc", "soft_violation"):
        arguments = (scores,) if name == "soft_violation" else (true, scores)
        assert found[name] == getattr(metrics, f"{name}_error")(*arguments, tree=BIRDS)
    curve = metrics.operating_curve(true, scores, tree=BIRDS, form="depth")
    assert found["average_precision_depth"] == curve.average_precision
    assert found["recall_at_95_correct_depth"] == curve.recall_at_correct(0.95)
    assert found["level_violation"] >= 0 == found["soft_violation"]
    errors = metrics.level_calibration_error(true, scores, tree=BIRDS)
    assert [found["level_calibration_1"], found["level_calibration_2"]] == errors.tolist()
    leaves = leaf_prediction(scores, tree=BIRDS)
    assert found.items() >= evaluate_predictions(true, leaves, tree=BIRDS).items()


def test_levels_without_labels_have_no_figure():
    scores = coherent(BIRDS, np.random.default_rng(0), 3)
    assert evaluate_scores([1, 2, 1], scores, tree=BIRDS)["level_calibration_2"] is None
    line = Tree.from_paths([("a", "b")])
    assert evaluate_scores([1], [[1.0, 1.0]], tree=line)["hierarchical_aurc"] is None


def test_several_parents_have_the_figures_that_are_defined():
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    found = evaluate_predictions([3, 4], [3, 3], tree=tree)
    assert set(found) == {
        *("hierarchical_precision", "hierarchical_recall", "hierarchical_f", "full_path_accuracy")
    }
