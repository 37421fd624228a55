"""What holds for jobs of every kind: their settings, results, listing, batches, reports."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from tests.api.conftest import QUICK
from tests.api.labelled import COARSE, LONG, X, done, npz_of
from tests.api.refusing import refusal
from tests.api.running import wait_until
from tests.cli.conftest import falcon as falcon_command

REFUSED_SETTINGS = [
    ("classifier", {"loss": "hccf"}, "/body/config"),
    ("classifier", {"texts": {"jay": [1.0]}}, "/body/config"),
    ("classifier", {"loss": "hccf", "texts": {"a": [1.0], "b": [1, 2]}}, "/body/config/texts"),
    ("classifier", {"loss": "hccf", "text_encoder": "onnx:x"}, "/body/config/text_encoder"),
    ("classifier", {"hiden": 3}, "/body/config/hiden"),
    ("classifier", {"inference": "threshold"}, "/body/config"),
    ("classifier", {"levels": ["a"], "classes_of": "job_x"}, "/body/config"),
    ("classifier", {"test_share": 1.0}, "/body/config/test_share"),
    ("classifier", {"joint": {"train_encoder": 1, "epochs": 0}}, "/body/config/joint/epochs"),
    ("classifier", {"joint": {"fresh_neighbors": True}}, "/body/config/joint/fresh_neighbors"),
    ("classifier", {"device": "cuda"}, "/body/config"),
    ("classifier", {"device": "tpu"}, "/body/config/device"),
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


@pytest.mark.parametrize("kind", ["classifier", "metrics"])
def test_levels_that_are_not_there_are_refused_at_once(http, dataset, kind):
    tree = {"tree": [["a"]]} if kind == "metrics" else {}
    config = {"levels": ["coarse", "x9"], **tree}
    body = {"dataset_id": dataset["id"], "kind": kind, "config": config}
    refused = http.post("/v1/jobs", json=body)
    assert refusal(refused) == (422, "no_such_column")
    assert "'x9'" in refused.json()["detail"] and "'coarse'" in refused.json()["detail"]
    assert refused.json()["errors"][0]["pointer"] == "/body/config/levels"


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
