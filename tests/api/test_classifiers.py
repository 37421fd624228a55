"""Classifiers and advice as jobs: from given labels or a discovery, to files, classes, figures."""

from __future__ import annotations

import csv
import io
import os
import signal

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from tests.api.conftest import QUICK
from tests.api.running import planted, wait_until
from tests.cli.conftest import falcon as falcon_command

NAMES = np.array(["jay", "wren", "owl", "cod", "eel", "ray"])
X, COARSE = planted()
FINE = NAMES[np.arange(400) % 6]
PATHS = [(("land", "water")[c], str(f)) for c, f in zip(COARSE, FINE, strict=True)]


def npz_of(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def labelled(falcon, tmp_path_factory):
    """A data set with coarse and fine labels."""
    path = tmp_path_factory.mktemp("labelled") / "birds.npz"
    path.write_bytes(npz_of(x=X, coarse=np.array(["land", "water"])[COARSE], fine=FINE))
    return falcon.upload(path)


def done(falcon, dataset, kind, **config):
    return falcon.wait(falcon.submit(dataset["id"], config, kind=kind)["id"])


@pytest.fixture(scope="module")
def trained(falcon, labelled):
    return done(falcon, labelled, "classifier", seed=3)


@pytest.fixture(scope="module")
def advised(falcon, labelled):
    return done(falcon, labelled, "advice", hidden=[0], folds=2)


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
    assert np.array_equal(falcon_weights(model), falcon_weights(locally(seed=3)))
    found = classifier.classify(X[:50].tolist())["predictions"]
    assert [one["path"] for one in found] == model.predict(X[:50]).tolist()
    assert {one["depth"] for one in found} == {2}
    nodes = model.tree_.encode([one["path"] for one in found])
    sure = model.node_proba(X[:50])[np.arange(50), nodes]
    assert np.allclose([one["probability"] for one in found], sure)


def locally(**settings):
    """The classifier of the same data, settings and seed without a service."""
    seed = settings.pop("seed")
    return HierarchicalClassifier(random_state=seed, **settings).fit(X, PATHS)


def falcon_weights(model):
    return np.concatenate([value.ravel() for _, value in sorted(model.weights_.items())])


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


REFUSED_SETTINGS = [
    ("classifier", {"loss": "hccf"}, "/body/config"),
    ("classifier", {"texts": {"jay": [1.0]}}, "/body/config"),
    ("classifier", {"loss": "hccf", "texts": {"a": [1.0], "b": [1, 2]}}, "/body/config/texts"),
    ("classifier", {"loss": "hccf", "text_encoder": "onnx:x"}, "/body/config/text_encoder"),
    ("classifier", {"hiden": 3}, "/body/config/hiden"),
    ("classifier", {"inference": "threshold"}, "/body/config"),
    ("classifier", {"levels": ["a"], "classes_of": "job_x"}, "/body/config"),
    ("classifier", {"test_share": 1.0}, "/body/config/test_share"),
    ("advice", {"hidden": []}, "/body/config/hidden"),
    ("advice", {"counts": {"n_fine": 6}}, "/body/config/counts"),
    ("discovery", {"loss": "hace"}, "/body/config/loss"),
]


@pytest.mark.parametrize(("kind", "config", "pointer"), REFUSED_SETTINGS)
def test_settings_are_those_of_the_kind(http, labelled, kind, config, pointer):
    body = {"dataset_id": labelled["id"], "kind": kind, "config": config}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_config")
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_text_encoder_is_one_of_the_operators(http, labelled):
    config = {"loss": "hccf", "text_encoder": "text:../../secret"}
    body = {"dataset_id": labelled["id"], "kind": "classifier", "config": config}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_encoder")


def test_the_operators_limits_are_not_the_clients(http, labelled):
    config = {"data": {"max_bytes": 1}}
    body = {"dataset_id": labelled["id"], "kind": "classifier", "config": config}
    answer = http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_option")


def test_classes_of_a_job_that_has_none_are_refused(http, falcon, labelled, dataset, job, trained):
    def refused(dataset_id, named):
        config = {"classes_of": named}
        body = {"dataset_id": dataset_id, "kind": "classifier", "config": config}
        answer = http.post("/v1/jobs", json=body)
        return answer.status_code, answer.json()["code"], answer.json().get("errors")

    assert refused(labelled["id"], "job_nonsense")[:2] == (404, "not_found")
    assert refused(labelled["id"], trained["id"])[:2] == (409, "wrong_kind")
    status, code, (wrong,) = refused(labelled["id"], job["id"])
    assert (status, code, wrong["pointer"]) == (422, "bad_config", "/body/config/classes_of")
    ended = falcon.submit(dataset["id"], {"train": {"epochs": 10_000}})
    falcon.cancel(ended["id"])
    assert refused(dataset["id"], ended["id"])[:2] == (409, "no_result")


def test_a_discovery_that_is_deleted_meanwhile_is_named(falcon, service, tmp_path):
    """Found by the worker: the data set is still being checked when the job is submitted."""
    path = tmp_path / "d.npz"
    path.write_bytes(npz_of(x=X[:60], coarse=np.array(["land", "water"])[COARSE[:60]]))
    dataset = falcon.upload(path)
    found = done(falcon, dataset, "discovery", **QUICK)
    blocked = [falcon.submit(dataset["id"], LONG, kind="classifier") for _ in range(2)]
    late = falcon.submit(dataset["id"], {"classes_of": found["id"]}, kind="classifier")
    falcon.delete_job(found["id"])
    for one in blocked:
        falcon.cancel(one["id"])
    with pytest.raises(ServiceError, match="it was deleted") as failed:
        falcon.wait(late["id"])
    assert failed.value.code == "no_result"


def test_labels_that_are_not_there_are_a_failure_in_words(falcon, dataset):
    with pytest.raises(ServiceError, match="'fine'") as failed:
        done(falcon, dataset, "classifier")
    assert failed.value.code == "no_such_column"
    with pytest.raises(ServiceError, match="scale = none"):
        done(falcon, dataset, "classifier", levels=["coarse"], data={"scale": "standard"})


def test_every_kind_has_a_report(falcon, trained, advised, job, tmp_path):
    words = {trained["id"]: "What caution buys", advised["id"]: "Learning curves", job["id"]: "Map"}
    for job_id, part in words.items():
        page = falcon.download(job_id, "report", tmp_path / f"{job_id}.html")
        assert part in page.read_text("utf-8")


def test_results_are_those_of_the_kind(http, falcon, trained, advised, job):
    for one, others in (
        (trained, ("classes", "graph", "review", "advice")),
        (advised, ("classes", "model", "card")),
        (job, ("card", "advice")),
    ):
        for name in others:
            answer = http.get(f"/v1/jobs/{one['id']}/{name}")
            assert (answer.status_code, answer.json()["code"]) == (409, "wrong_kind"), name
    with pytest.raises(ServiceError, match="results are model, card"):
        falcon.predict(trained["id"], X[:1].tolist())
    with pytest.raises(ServiceError, match="kind classifier, found"):
        falcon.classifier(job["id"]).classify(X[:1].tolist())


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


def test_jobs_are_listed_by_kind(falcon, labelled, trained, advised):
    listed = {one["id"]: one["kind"] for one in falcon.jobs(dataset_id=labelled["id"])}
    assert listed[trained["id"]] == "classifier" and listed[advised["id"]] == "advice"
    only = list(falcon.jobs(dataset_id=labelled["id"], kind="advice"))
    assert advised["id"] in [one["id"] for one in only]
    assert {one["kind"] for one in only} == {"advice"}


def test_a_batch_may_hold_several_kinds(falcon, http, labelled):
    orders = [
        {"custom_id": "c", "kind": "classifier", "config": {"test_share": 0.0}},
        {"custom_id": "a", "kind": "advice", "config": {"hidden": [0], "folds": 2}},
    ]
    batch = falcon.submit_batch([{**one, "dataset_id": labelled["id"]} for one in orders])
    wait_until(lambda: falcon.batch(batch["id"])["ended"], seconds=120)
    results = {one["custom_id"]: one for one in falcon.batch_results(batch["id"])}
    assert set(results["c"]["links"]) == {"model", "card", "report"}
    assert http.get(results["a"]["links"]["advice"]).status_code == 200


def test_a_key_is_good_for_one_kind(falcon, labelled):
    falcon.submit(labelled["id"], {}, kind="classifier", key="one kind")
    with pytest.raises(ServiceError) as refused:
        falcon.submit(labelled["id"], {}, kind="advice", key="one kind")
    assert refused.value.code == "idempotency_mismatch"


LONG = {"levels": ["coarse"], "epochs": 100_000, "test_share": 0.0}


def worker_of(service, job_id):
    """Process id of the worker that has a job, if there is one."""
    import psutil

    for pid in service.descendants():
        try:
            if job_id in " ".join(psutil.Process(pid).cmdline()):
                return pid
        except psutil.Error:
            continue
    return None


def test_a_classifier_in_training_is_cancelled(falcon, dataset, service):
    job = falcon.submit(dataset["id"], LONG, kind="classifier")
    told = wait_until(lambda: (j := falcon.job(job["id"]))["progress"]["done"] and j)
    assert (told["state"], told["stage"]) == ("running", "train")
    assert told["progress"]["total"] == 100_000 and told["progress"]["eta_s"] > 0
    pid = worker_of(service, job["id"])
    falcon.cancel(job["id"])
    wait_until(lambda: falcon.job(job["id"])["state"] == "canceled", seconds=10)
    wait_until(lambda: worker_of(service, job["id"]) != pid)
    assert not (service.folder / "artifacts" / "results" / job["id"]).exists() or not list(
        (service.folder / "artifacts" / "results" / job["id"]).iterdir()
    )


def test_a_killed_training_goes_on_and_ends_as_one_left_alone(falcon, labelled, service, tmp_path):
    config = {"epochs": 200, "test_share": 0.0, "seed": 5}
    job = falcon.submit(labelled["id"], config, kind="classifier")
    before = wait_until(lambda: falcon.job(job["id"])["progress"]["done"])
    os.kill(worker_of(service, job["id"]), signal.SIGKILL)
    ended = falcon.wait(job["id"])
    assert ended["attempt"] == 2
    events = list(falcon.events(job["id"]))
    again = next(i for i, one in enumerate(events) if one.get("attempt") == 2)
    assert min(one["done"] for one in events[again:] if one.get("done")) > before
    model = HierarchicalClassifier.load(falcon.classifier(job["id"]).download(tmp_path / "model"))
    whole = locally(seed=5, epochs=200)
    assert model.loss_curve_ == whole.loss_curve_ and len(whole.loss_curve_) == 200
    assert np.array_equal(falcon_weights(model), falcon_weights(whole))


def test_fetch_saves_what_a_job_of_its_kind_has_made(service, trained, advised, job, tmp_path):
    made = {trained["id"]: {"classifier.safetensors", "card.json"}, advised["id"]: {"advice.json"}}
    for job_id, names in made.items():
        done = falcon_command(
            "remote", "fetch", job_id, "--out", tmp_path / job_id, "--url", service.url
        )
        assert done.code == 0, done.err
        assert {path.name for path in (tmp_path / job_id).iterdir()} == names
    listed = falcon_command("remote", "jobs", "--url", service.url).out
    assert f"{trained['id']}  classifier" in listed and f"{job['id']}  discovery" in listed
