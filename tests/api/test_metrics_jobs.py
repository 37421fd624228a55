"""Metrics as jobs: of a classifier, of predicted paths, of probabilities; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from tests.api.labelled import COARSE, FINE, PATHS, checked, done, labelled_npz, npz_of
from tests.api.running import planted
from tests.cli.conftest import falcon as falcon_command

TREE = Tree.from_paths(PATHS)
CLASSES = [list(path) for path in TREE.to_paths()]
LABELS = {"samples": "labels"}


def sent(falcon, path, content, **options):
    """A data set that was checked."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return checked(falcon, falcon.upload(path, options=options))


def table(paths, ids=None):
    head = ["id,level_1,level_2"] if ids else ["level_1,level_2"]
    rows = [",".join(path) for path in paths]
    named = rows if ids is None else [f"{i},{row}" for i, row in zip(ids, rows, strict=True)]
    return "\n".join(head + named) + "\n"


@pytest.fixture(scope="module")
def labelled(falcon, tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "birds.npz"
    return sent(falcon, path, labelled_npz())


@pytest.fixture(scope="module")
def trained(falcon, labelled):
    return done(falcon, labelled, "classifier", seed=3, test_share=0.0)


@pytest.fixture(scope="module")
def truth(falcon, tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "truth.csv"
    return sent(falcon, path, table(PATHS[:40], range(40)), **LABELS)


@pytest.fixture(scope="module")
def guesses(falcon, tmp_path_factory):
    path = tmp_path_factory.mktemp("guesses") / "guesses.csv"
    wrong = [("land", ""), ("water", "cod"), *PATHS[2:50]]
    return sent(falcon, path, table(wrong, range(50)), **LABELS), wrong


@pytest.fixture(scope="module")
def compared(falcon, truth, guesses):
    given = {"predictions": guesses[0]["id"], "tree": CLASSES}
    return done(falcon, truth, "metrics", **given)


def test_a_data_set_of_labels_alone(http, falcon, truth):
    assert truth["state"] == "ready", truth
    assert (truth["summary"]["kind"], truth["summary"]["n_samples"]) == ("labels", 40)
    for kind, config in (("discovery", {}), ("classifier", {}), ("advice", {})):
        body = {"dataset_id": truth["id"], "kind": kind, "config": config}
        answer = http.post("/v1/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_input"), kind


def test_labels_that_cannot_be_read_make_the_data_set_invalid(falcon, tmp_path):
    for content, words in (("id,a\n1,x\n1,y\n", "every id once"), ("x", "a header")):
        found = sent(falcon, tmp_path / "labels.csv", content, **LABELS)
        assert found["state"] == "invalid" and words in found["error"]["detail"]


def test_predicted_paths_are_measured(falcon, compared, guesses):
    found = falcon.job_metrics(compared["id"])
    expected = evaluate_predictions(PATHS[:40], guesses[1][:40], tree=TREE)
    assert found["figures"] == pytest.approx(expected)
    assert (found["n_samples"], found["n_left_out"]) == (40, 10)
    assert compared["summary"]["full_path_accuracy"] == expected["full_path_accuracy"] == 0.95


def test_a_classifier_is_measured_on_other_samples(falcon, trained, tmp_path):
    x, coarse = planted(n=90, seed=0)
    names = np.array(["land", "water"])[coarse]
    dataset = sent(falcon, tmp_path / "new.npz", npz_of(x=x, coarse=names, fine=FINE[:90]))
    made = done(falcon, dataset, "metrics", classifier=trained["id"])
    place = falcon.classifier(trained["id"]).download(tmp_path / "model")
    scores = HierarchicalClassifier.load(place).node_proba(x).astype(np.float32)
    expected = evaluate_scores(PATHS[:90], scores, tree=TREE)
    assert falcon.job_metrics(made["id"])["figures"] == pytest.approx(expected)
    assert [one["name"] for one in made["summary"]["stages"]] == ["scores", "figures"]
    sure = done(falcon, dataset, "metrics", classifier=trained["id"], inference="majority")
    assert "operating" not in falcon.job_metrics(sure["id"])["figures"]
    page = falcon.download(made["id"], "report", tmp_path / "page.html").read_text("utf-8")
    assert "What caution buys" in page and "<script" not in page


def test_vectors_may_be_the_probabilities(falcon, tmp_path):
    scores = np.random.default_rng(0).dirichlet(np.ones(TREE.n_leaves), 400).astype(np.float32)
    names = np.array(["land", "water"])[COARSE]
    dataset = sent(falcon, tmp_path / "scores.npz", npz_of(x=scores, coarse=names, fine=FINE))
    made = done(falcon, dataset, "metrics", tree=CLASSES)
    assert made["summary"]["n_samples"] == 400
    at_once = falcon.metrics(CLASSES, PATHS, scores=scores.astype(float).tolist())
    assert falcon.job_metrics(made["id"])["figures"] == pytest.approx(at_once, rel=1e-5)


def test_results_are_those_of_the_kind(http, falcon, compared, trained, service, tmp_path):
    for name in ("classes", "card", "advice", "model"):
        answer = http.get(f"/v1/jobs/{compared['id']}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_kind"), name
    answer = http.get(f"/v1/jobs/{trained['id']}/metrics")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_kind")
    out = tmp_path / "out"
    got = falcon_command("remote", "fetch", compared["id"], "--out", out, "--url", service.url)
    assert got.code == 0, got.err
    assert {path.name for path in out.iterdir()} == {"metrics.json", "report.html"}


REFUSED = [
    ({}, ["/body/config"]),
    ({"tree": []}, ["/body/config/tree"]),
    ({"tree": [["a"]], "classifier": "job_x"}, ["/body/config"]),
    ({"tree": [["a"]], "inference": "majority"}, ["/body/config"]),
    ({"classifier": "job_x", "predictions": "ds_x"}, ["/body/config"]),
    ({"classifier": "job_x", "threshold": 0.5}, ["/body/config"]),
    ({"tree": [["a"] * 100] * 1001}, ["/body/config/tree"]),
    ({"loss": "hace", "classifier": "job_x"}, ["/body/config/loss"]),
]


@pytest.mark.parametrize(("config", "pointers"), REFUSED)
def test_settings_that_contradict_each_other_are_refused(http, labelled, config, pointers):
    body = {"dataset_id": labelled["id"], "kind": "metrics", "config": config}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_config"), answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == pointers


def test_what_the_settings_name_must_be_there(http, labelled, truth, job, trained):
    def refused(dataset, **config):
        body = {"dataset_id": dataset["id"], "kind": "metrics", "config": config}
        answer = http.post("/v1/jobs", json=body)
        return answer.status_code, answer.json()["code"]

    assert refused(labelled, classifier="job_nonsense") == (404, "not_found")
    assert refused(labelled, classifier=job["id"]) == (409, "wrong_kind")
    assert refused(truth, classifier=trained["id"]) == (422, "bad_input")
    assert refused(truth, tree=[["a"]]) == (422, "bad_input")
    assert refused(labelled, tree=[["a"]], predictions="ds_nonsense") == (404, "not_found")
    assert refused(labelled, tree=[["a"]], predictions=labelled["id"]) == (422, "bad_config")


def test_classes_that_the_tree_lacks_are_a_failure_in_words(falcon, truth, guesses):
    with pytest.raises(ServiceError, match="land") as failed:
        done(falcon, truth, "metrics", predictions=guesses[0]["id"], tree=[["air"]])
    assert failed.value.code == "bad_input"
