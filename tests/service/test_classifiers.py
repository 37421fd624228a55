"""Classes of new vectors without HTTP: pieces, and a process that lacks torch."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier, answers
from falcon_svc.service import classifiers, jobs, results
from falcon_svc.service.classifiers import Wish, classify
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, DISCOVERY, METRICS, device_of
from falcon_svc.storage.tables import Dataset
from tests.storage.records import add_dataset, add_job

PATHS = [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel")] * 10
X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A classifier whose job is not asked for."""
    made = HierarchicalClassifier(inference="majority", random_state=0).fit(X, PATHS)
    made.card_["data_set"] = {"features": ["a", "b", "c"]}
    made.save(tmp_path / results.MODELS["classifier"])
    monkeypatch.setattr(results, "directory", lambda *_: (None, tmp_path))
    return made


def test_a_classifier_answers_as_it_was_told_to(model, context, ann):
    found = classify(context, ann, "job_x", Wish(X))["predictions"]
    nodes = [one["path"] + [""] * (2 - len(one["path"])) for one in found]
    assert nodes == model.predict(X).tolist()
    assert {one["depth"] for one in found} > {2}


def test_many_rows_go_piece_by_piece(model, context, ann, monkeypatch):
    whole = classify(context, ann, "job_x", Wish(X))
    sizes, ask = [], HierarchicalClassifier.node_proba
    monkeypatch.setattr(answers, "CELLS_AT_ONCE", 3 * model.tree_.n_nodes + 1)
    monkeypatch.setattr(
        HierarchicalClassifier, "node_proba", lambda s, x: sizes.append(len(x)) or ask(s, x)
    )
    parts = classify(context, ann, "job_x", Wish(X))
    for name in ("path", "probability"):
        found, expected = ([one[name] for one in a["predictions"]] for a in (parts, whole))
        assert found == (expected if name == "path" else pytest.approx(expected))
    assert max(sizes) == 3 and sum(sizes) == 40


def test_a_process_without_torch_says_so(model, context, ann, monkeypatch):
    def lacking(path):
        raise ModuleNotFoundError("No module named 'torch'")

    monkeypatch.setattr(classifiers, "_load", lacking)
    with pytest.raises(RequestError, match="falcon classify") as refused:
        classify(context, ann, "job_x", Wish(X))
    assert refused.value.code == "no_torch"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (("a", "b"), "2 names"),
        (("a", "b", "b"), "2 of them different"),
        (("a", "b", "x"), "missing"),
    ],
)
def test_names_that_do_not_fit_are_refused(model, context, ann, columns, words):
    with pytest.raises(InputError, match=words):
        classify(context, ann, "job_x", Wish(X, columns))


def test_classes_of_another_tenants_discovery_do_not_exist(context, ann, bob):
    mine, theirs = (add_dataset(context.database, who.tenant) for who in (ann, bob))
    found = add_job(context.database, bob.tenant, theirs.id)
    order = ({"classes_of": found}, {})
    with pytest.raises(RequestError) as refused:
        jobs.submit(context, ann, mine.id, *order, kind=CLASSIFIER, key=None)
    assert refused.value.code == "not_found"
    with pytest.raises(RequestError) as refused:
        jobs.submit(context, bob, theirs.id, *order, kind=CLASSIFIER, key=None)
    assert refused.value.code == "no_result"  # it is there, and has not ended


def of_kind(context, who, kind):
    """A data set whose samples are of a kind."""
    dataset = add_dataset(context.database, who.tenant)
    with context.database.write() as session:
        session.get(Dataset, dataset.id).summary = {"kind": kind, "classes": {}}
    return dataset.id


def test_an_encoder_that_is_of_no_use_to_new_images_is_refused_at_once(context, ann):
    images = of_kind(context, ann, "images")
    with pytest.raises(ConfigError, match="found auto") as refused:
        jobs.submit(context, ann, images, {}, {}, kind=CLASSIFIER, key=None)
    assert refused.value.code == "bad_encoder"
    assert jobs.submit(context, ann, images, {}, {}, kind=ADVICE, key=None)[1]
    moco = {"encoder": {"name": "moco"}}
    assert jobs.submit(context, ann, images, moco, {}, kind=CLASSIFIER, key=None)[1]
    processes = {"encoder": {"name": "moco", "moco": {"processes": 2}}}
    with pytest.raises(ConfigError, match="processes"):
        jobs.submit(context, ann, images, processes, {}, kind=CLASSIFIER, key=None)


def test_what_another_tenant_has_cannot_be_measured(context, ann, bob):
    mine, theirs = (of_kind(context, who, "vectors") for who in (ann, bob))
    labels = of_kind(context, bob, "labels")
    made = add_job(context.database, bob.tenant, theirs, kind=CLASSIFIER)
    for config in ({"classifier": made}, {"predictions": labels, "tree": [["a"]]}):
        with pytest.raises(RequestError) as refused:
            jobs.submit(context, ann, mine, config, {}, kind=METRICS, key=None)
        assert refused.value.code == "not_found"
    with pytest.raises(RequestError) as refused:
        jobs.submit(context, bob, theirs, {"classifier": made}, {}, kind=METRICS, key=None)
    assert refused.value.code == "no_result"
    config = {"predictions": labels, "tree": [["a"]]}
    assert jobs.submit(context, bob, theirs, config, {}, kind=METRICS, key=None)[1]


TRAINED = {"encoder": {"name": "moco"}, "joint": {"train_encoder": True}}


def test_a_gpu_is_for_what_trains_a_network(context, ann):
    images = of_kind(context, ann, "images")
    moco = {"encoder": TRAINED["encoder"]}
    for kind, config, device in (
        *((CLASSIFIER, moco, "cpu"), (ADVICE, {}, "cpu"), (DISCOVERY, {}, "auto")),
        *((CLASSIFIER, TRAINED, "auto"), (CLASSIFIER, {**TRAINED, "device": "cpu"}, "cpu")),
    ):
        made, _ = jobs.submit(context, ann, images, config, {}, kind=kind, key=None)
        assert (made.kind, device_of(made)) == (kind, device)


@pytest.mark.parametrize(
    ("samples", "config", "words"),
    [
        ("vectors", TRAINED, "found 'moco' on vectors"),
        ("texts", {**TRAINED, "encoder": {"name": "text"}}, "found 'text' on texts"),
        ("images", {"joint": {"train_encoder": True}}, "found 'auto' on images"),
        (None, {"joint": {"train_encoder": True}}, "found 'auto';"),
    ],
)
def test_an_encoder_that_cannot_be_trained_is_refused_at_once(samples, config, words, context, ann):
    dataset = of_kind(context, ann, samples)
    with pytest.raises(ConfigError, match=words) as refused:
        jobs.submit(context, ann, dataset, config, {}, kind=CLASSIFIER, key=None)
    assert refused.value.code == "bad_encoder"


def test_a_device_that_no_job_gets_is_refused(context, ann):
    images = of_kind(context, ann, "images")
    context.devices.known = frozenset({"auto", "cpu"})
    config = {**TRAINED, "device": "cuda"}
    with pytest.raises(RequestError, match="found 'cuda'") as refused:
        jobs.submit(context, ann, images, config, {}, kind=CLASSIFIER, key=None)
    assert refused.value.code == "no_such_device"
    with pytest.raises(ConfigError, match=r"joint\.train_encoder with the device cuda"):
        jobs.submit(context, ann, images, {"device": "cuda"}, {}, kind=CLASSIFIER, key=None)
