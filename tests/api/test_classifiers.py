"""Classifiers as jobs: from given labels or a discovery, to a file, a card, classes."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from tests.api.labelled import FINE, PATHS, X, done, locally, weights


def test_the_summary_and_the_card_of_a_classifier(falcon, trained, labelled):
    summary = trained["summary"]
    assert (summary["n_samples"], summary["n_leaves"], summary["n_levels"]) == (400, 6, 2)
    assert summary["leaf_top1"] > 0.9 and summary["n_unlabelled"] == 0
    assert [stage["name"] for stage in summary["stages"]] == ["measure", "train"]
    card = falcon.classifier(trained["id"]).card()
    assert card["metrics"]["held_out_rows"] == 80
    assert card["metrics"]["held_out"]["leaf_top1"] == summary["leaf_top1"]
    assert card["data_set"]["name"] == labelled["name"] == "birds.npz"


def test_the_file_is_the_classifier_that_the_service_uses(falcon, trained, tmp_path):
    classifier = falcon.classifier(trained["id"])
    model = HierarchicalClassifier.load(classifier.download(tmp_path / "model"))
    assert model.card_ == classifier.card()
    assert np.array_equal(weights(model), weights(locally(seed=3)))
    found = classifier.classify(X[:50].tolist())["predictions"]
    assert [one["path"] for one in found] == model.predict(X[:50]).tolist()
    assert {one["depth"] for one in found} == {2}
    nodes = model.tree_.encode([one["path"] for one in found])
    sure = model.node_proba(X[:50])[np.arange(50), nodes]
    assert np.allclose([one["probability"] for one in found], sure)


def test_a_model_can_be_asked_for_in_parts(http, trained):
    place = f"/v1/jobs/{trained['id']}/model"
    whole = http.get(place)
    assert whole.headers["Content-Type"] == "application/octet-stream"
    assert f'{trained["id"]}.safetensors"' in whole.headers["Content-Disposition"]
    part = http.get(place, headers={"Range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, whole.content[:100])


def test_an_unsure_answer_stops_higher_up(falcon, trained):
    classifier = falcon.classifier(trained["id"])
    between = (X[FINE == "jay"].mean(axis=0) + X[FINE == "wren"].mean(axis=0)) / 2
    asked = [between.tolist(), X[0].tolist()]
    unsure, sure = classifier.classify(asked, inference="threshold", threshold=0.9)["predictions"]
    assert unsure["depth"] < 2 == sure["depth"]
    assert sure["probability"] > 0.9 < unsure["probability"]


def test_the_bytes_of_an_npy_file_are_classified_too(http, falcon, trained):
    buffer = io.BytesIO()
    np.save(buffer, X[:20])
    place = f"/v1/models/{trained['id']}:classify"
    headers = {"Content-Type": "application/octet-stream"}
    answer = http.post(f"{place}?inference=diffusion", content=buffer.getvalue(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json() == falcon.classifier(trained["id"]).classify(
        X[:20].tolist(), inference="diffusion"
    )


@pytest.fixture(scope="module")
def by_columns(falcon, tmp_path_factory):
    """A classifier of three levels, from columns of a table; some rows end higher up."""
    path = tmp_path_factory.mktemp("levels") / "birds.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "family", "species", "wing", "beak", "tail"])
        for i, (top, name) in enumerate(PATHS):
            family = "owls" if name == "owl" else f"not {name[0]}"
            writer.writerow([top, family, "" if i < 6 else name, *map(float, X[i, :3])])
    dataset = falcon.upload(path, options={"coarse_column": "order"})
    return done(falcon, dataset, "classifier", levels=["order", "family", "species"])


def test_columns_are_levels(falcon, by_columns):
    assert by_columns["summary"]["n_levels"] == 3
    card = falcon.classifier(by_columns["id"]).card()
    assert card["trained_on"]["rows_by_label_depth"] == [0, 0, 6, 394]
    assert card["data_set"]["features"] == ["wing", "beak", "tail"]


def test_features_are_taken_by_name(falcon, by_columns):
    classifier = falcon.classifier(by_columns["id"])
    plain = classifier.classify(X[:9, :3].tolist())
    turned = np.column_stack([X[:9, 2], np.zeros(9), X[:9, 0], X[:9, 1]])
    named = classifier.classify(turned.tolist(), columns=["tail", "colour", "wing", "beak"])
    assert named["predictions"] == plain["predictions"] and not plain["notes"]
    assert [note["code"] for note in named["notes"]] == ["columns_left_out"]
    with pytest.raises(ServiceError, match="1 of them missing"):
        classifier.classify(X[:1, :2].tolist(), columns=["wing", "beak"])


def test_discovered_classes_are_labels(falcon, dataset, job):
    made = done(falcon, dataset, "classifier", classes_of=job["id"], test_share=0.0)
    assert made["summary"]["n_leaves"] == 6 and made["summary"]["leaf_top1"] is None
    classifier = falcon.classifier(made["id"])
    assert classifier.card()["data_set"]["classes_of"] == job["id"]
    found = classifier.classify(X.tolist())["predictions"]
    fine = [f"class {one['fine']}" for one in falcon.assignments(job["id"])]
    assert np.mean([one["path"][1] == name for one, name in zip(found, fine, strict=True)]) > 0.95


def test_a_text_encoder_is_one_of_the_operators(http, labelled):
    config = {"loss": "hccf", "text_encoder": "text:../../secret"}
    body = {"dataset_id": labelled["id"], "kind": "classifier", "config": config}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_encoder")


def test_vectors_that_do_not_fit_are_refused(http, falcon, trained):
    classifier = falcon.classifier(trained["id"])
    with pytest.raises(ServiceError, match="vectors of 8 numbers"):
        classifier.classify([[1.0, 2.0]])
    for rule in ({"threshold": 0.5}, {"inference": "threshold"}):
        with pytest.raises(ServiceError, match="give both"):
            classifier.classify(X[:1].tolist(), **rule)
    buffer = io.BytesIO()
    np.save(buffer, np.full((2, 8), np.nan))
    place, kind = f"/v1/models/{trained['id']}:classify", "application/octet-stream"
    answer = http.post(place, content=buffer.getvalue(), headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    answer = http.post(place, json={"vectors": [[0.0] * 8], "inference": "best"})
    assert answer.json()["errors"][0]["pointer"] == "/body/inference"
