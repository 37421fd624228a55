"""Advice and figures over REST: what finer labels would do, and how wrong predictions are."""

from __future__ import annotations

import pytest

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from tests.api.labelled import PATHS, X, done


def test_advice_says_what_finer_labels_would_do(falcon, advised):
    advice = falcon.advice(advised["id"])
    assert advice["labels"] == "fine labels" == advised["summary"]["labels"]
    assert advice["verdict"]["word"] == advised["summary"]["verdict"]
    assert set(advice["per_class"]) == {"land", "water"} and advice["n_left_out"] == 0
    assert len(advice["comparisons"]) == 4 and advice["text"]


def test_advice_without_fine_labels_takes_stand_ins(falcon, dataset, job):
    settings = {"hidden": [0], "folds": 2, "classes_of": job["id"]}
    advice = falcon.advice(done(falcon, dataset, "advice", **settings)["id"])
    kinds = {one["labels"] for one in advice["comparisons"]}
    assert {"discovered", "k-means, k = 2"} <= kinds and "fine labels" not in kinds


def test_figures_are_those_of_the_library(falcon):
    tree = Tree.from_paths(PATHS)
    classes, truth = tree.to_paths(), PATHS[:40]
    wrong = [("land",), *PATHS[1:39], ("water", "cod")]
    found = falcon.metrics(classes, truth, predictions=wrong)
    expected = evaluate_predictions(tree.encode(truth), tree.encode(wrong), tree=tree)
    assert found == pytest.approx(expected)
    model = HierarchicalClassifier(tree=tree, random_state=0).fit(X, PATHS)
    scores = model.node_proba(X[:40])
    expected = evaluate_scores(tree.encode(truth), scores, tree=tree)
    assert falcon.metrics(classes, truth, scores=scores.tolist()) == pytest.approx(expected)
    leaves = scores[:, tree.leaves].tolist()
    by_leaves = falcon.metrics(classes, truth, scores=leaves)
    assert by_leaves["leaf_top1"] == expected["leaf_top1"]


REFUSED_FIGURES = [
    ({}, 422, "bad_input", "exactly one"),
    ({"predictions": [["land"]], "scores": [[1.0]]}, 422, "bad_input", "exactly one"),
    ({"predictions": [["sea"]]}, 422, "bad_input", "sea"),
    ({"predictions": [["land"], ["land"]]}, 422, "bad_input", "as many predictions"),
    ({"scores": [[0.5, 0.3, 0.2]]}, 422, "bad_input", r"\(n, 4\)"),
    ({"scores": [[0.5], [0.5, 0.5]]}, 422, "bad_input", "one length"),
]


@pytest.mark.parametrize(("given", "status", "code", "words"), REFUSED_FIGURES)
def test_figures_of_what_does_not_fit_are_refused(falcon, given, status, code, words):
    tree, truth = [["land", "jay"], ["water"]], [["water"]]
    with pytest.raises(ServiceError, match=words) as refused:
        falcon.metrics(tree, truth, **given)
    assert (refused.value.status, refused.value.code) == (status, code)


def test_more_figures_than_one_request_may_ask_for_are_refused(falcon):
    classes = [[f"class {i}"] for i in range(2000)]
    with pytest.raises(ServiceError, match="run falcon metrics") as refused:
        falcon.metrics(classes, [classes[0]] * 2000, predictions=[classes[0]] * 2000)
    assert (refused.value.status, refused.value.code) == (413, "too_large")
