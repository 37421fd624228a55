"""The client and `falcon remote`: typed as the API says, complete, and of use in a shell."""

from __future__ import annotations

import json
import re
import typing

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from falcon_svc.client import ServiceError, documents
from tests.api import client_documents
from tests.api.conftest import QUICK
from tests.api.running import npz_bytes, planted
from tests.architecture.sources import ROOT
from tests.cli.conftest import falcon as falcon_command

NOT_OF_A_CLIENT = {"live", "ready", "metrics"}


@pytest.fixture(scope="module")
def openapi(http):
    return http.get("/v1/openapi.json").json()


def test_documents_are_written_from_what_the_api_says(openapi):
    assert client_documents.FILE.read_text("utf-8") == client_documents.written(openapi), (
        "run python -m tests.api.client_documents"
    )


def test_what_a_result_holds_is_what_its_documents_say(job, service):
    """Members of answers, those of documents in documents too."""
    with service.client() as client:
        found = {"Job": client.job(job["id"]), "Count": client.counts(job["id"])[0]}
        found["Dataset"] = client.dataset(job["dataset_id"])
        found["FineClass"] = client.classes(job["id"])[0]
    found["DiscoverySummary"] = found["Job"]["summary"]
    found["DatasetSummary"] = found["Dataset"]["summary"]
    for name, answer in found.items():
        assert set(answer) == set(typing.get_type_hints(getattr(documents, name))), name


def test_every_operation_has_a_method(
    openapi, monkeypatch, job, dataset, data_file, service, tmp_path
):
    """All but health and metrics, which are for machines."""
    used = set()
    with service.client() as client:
        send, stream = client._transport.http.request, client._transport.http.stream
        monkeypatch.setattr(client._transport.http, "request", _noting(used, send))
        monkeypatch.setattr(client._transport.http, "stream", _noting(used, stream))
        _do_everything(client, job["id"], dataset["id"], data_file, tmp_path)
    known = [(m.upper(), path) for path, all_ in openapi["paths"].items() for m in all_]
    missing = {one for one in known if not any(_fits(one, asked) for asked in used)}
    left = {openapi["paths"][path][method.lower()]["operationId"] for method, path in missing}
    assert left == NOT_OF_A_CLIENT | {"get_upload", "abort_upload", "get_class"}


def _noting(used, function):
    def noting(method, path, **given):
        used.add((method, path.partition("?")[0]))
        return function(method, path, **given)

    return noting


def _fits(known, asked):
    there, here = known[1].split("/"), asked[1].split("/")
    same = len(there) == len(here) and all(_same(t, h) for t, h in zip(there, here, strict=True))
    return known[0] == asked[0] and same


def _same(template, word):
    name, _, verb = template.partition(":")
    if name.startswith("{"):
        return word.partition(":")[2] == verb
    return template == word


def _do_everything(client, job_id, dataset_id, data_file, tmp_path):
    client.capabilities()
    labels = tmp_path / "x.csv"
    labels.write_text("coarse\n" + "land\nwater\n" * 200)
    np.save(tmp_path / "x.npy", planted()[0])
    made = client.upload_with_labels(tmp_path / "x.npy", labels)
    list(client.datasets())
    client.delete_dataset(made["id"])
    with pytest.raises(ServiceError, match="nonsense"):
        client.discover(data_file, {"nonsense": 1})
    batch = client.submit_batch([{"custom_id": "a", "dataset_id": dataset_id, "config": QUICK}])
    list(client.batches())
    client.cancel_batch(batch["id"])
    client.batch(batch["id"])
    client.batch_results(batch["id"])
    client.batch_results(batch["id"], errors=True)
    mine = client.submit(dataset_id)
    client.cancel(mine["id"])
    list(client.events(mine["id"]))
    assert client.job(mine["id"])["state"] == "canceled"
    assert mine["id"] in [one["id"] for one in client.jobs(state="canceled")]
    client.delete_job(mine["id"])
    client.classes(job_id)
    client.samples(job_id, 0, "border")
    client.assignments(job_id)
    client.graph(job_id)
    client.counts(job_id)
    client.relation(job_id)
    assert client.verification(job_id)["ok"]
    for name in ("report", "model", "assignments"):
        client.download(job_id, name, tmp_path / name)
    client.predict(job_id, planted(5)[0].tolist())
    _classify(client, dataset_id, tmp_path)
    assert len(client.predict_file(job_id, data_file)["predictions"]) == 400
    with pytest.raises(ServiceError):  # its samples were no texts
        client.predict_texts(job_id, ["a text"])
    _review(client.review(job_id), job_id, tmp_path)
    assert client.dataset(client.upload(data_file)["id"])["state"] in ("validating", "ready")


def _classify(client, dataset_id, tmp_path):
    config = {"levels": ["coarse"], "test_share": 0.0}
    made = client.wait(client.submit(dataset_id, config, kind="classifier")["id"])
    classifier = client.classifier(made["id"])
    assert classifier.card()["tree"]["leaves"] == 2
    assert classifier.download(tmp_path / "classifier").stat().st_size > 1000
    assert len(classifier.classify(planted(5)[0].tolist())["predictions"]) == 5
    with pytest.raises(ServiceError, match="kind advice"):
        client.advice(made["id"])
    with pytest.raises(ServiceError):  # its samples were no texts
        classifier.classify_texts(["a text"])
    np.save(tmp_path / "new.npy", planted(5)[0])
    named = classifier.classify_file(tmp_path / "new.npy")["predictions"]
    assert [one["id"] for one in named] == list("01234")
    assert client.metrics([["land"], ["sea"]], [["sea"]], predictions=[["sea"]])
    given = {"levels": ["coarse"], "classifier": made["id"]}
    measured = client.wait(client.submit(dataset_id, given, kind="metrics")["id"])
    assert client.job_metrics(measured["id"])["n_samples"] == 400


def _review(review, job_id, tmp_path):
    """Look, correct, solve, compare, take away; then leave the result as it was."""
    state = review.state()
    first = state["classes"][0]["id"]
    assert next(review.events())["head"] == review.head
    shown = review.samples(first, "border", limit=3)["samples"]
    assert review.shown([shown[0]["id"]]) and review.evidence(first)
    assert review.select(first)["count"] == state["classes"][0]["size"]
    review.acceptance(first, purity=0.8)
    (revision,) = review.correct({"kind": "rename", "class_id": first, "name": "jay"})
    assert review.log()["entries"][0]["revision"] == revision == review.head
    with pytest.raises(ServiceError, match="image"):
        review.picture(0)
    review.propose_split(first, 2)
    question = next(one for one in review.questions() if one["kind"] != "coarse")
    review.answer(question, choice=CHOICES[question["kind"]])
    (tmp_path / "corrected.csv").write_text("id,class_id\nnobody,c0\n")
    assert review.take_in(tmp_path / "corrected.csv", dry_run=True)["n_failed"] == 1
    assert review.map() and review.map(state["coarse"][0]["name"])
    assert review.lasso([(-1e9, -1e9), (1e9, -1e9), (0, 1e9)])["rows"]
    assert review.resolve()["state"] == "running"
    assert review.cancel_resolve()["state"] == "cancelled" == review.resolving()["state"]
    assert review.diff(revision, revision)["n_moved"] == 0
    assert review.ancestry()["earlier"] is None
    with pytest.raises(ServiceError, match="corrections already"):
        review.continue_from(job_id)
    assert "jay" in review.export("csv", tmp_path / "review.csv").read_text()
    review._head = "0" * 64
    with pytest.raises(ServiceError) as refused:
        review.correct({"kind": "undo"})
    assert refused.value.status == 412 and refused.value.document["errors"]


CHOICES = {"same": "different", "one": "one", "accept": "later", "belong": "", "place": "mixed"}


def test_the_lines_of_the_document_run(service, monkeypatch, tmp_path, capsys):
    text = (ROOT / "docs" / "client.md").read_text("utf-8")
    source = re.search(r"```python\n(.*?)```", text, re.S)[1]
    (tmp_path / "birds.npz").write_bytes(npz_bytes(n=240, dims=4))
    monkeypatch.chdir(tmp_path)
    exec(source.replace("http://127.0.0.1:8000", service.url), {})
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert (tmp_path / "birds.html").stat().st_size > 1000


def test_discover_gives_all_in_one_document(falcon, data_file, monkeypatch):
    monkeypatch.setattr("falcon_svc.client.client.LONGEST_WAIT_S", 240)  # a busy machine
    found = falcon.discover(data_file, QUICK)
    assert found["job"]["state"] == "succeeded"
    assert len(found["classes"]) == 6 and len(found["assignments"]) == 400


def test_a_discovery_that_takes_longer_is_the_job_to_wait_for(falcon, data_file, monkeypatch):
    monkeypatch.setattr("falcon_svc.client.client.LONGEST_WAIT_S", 0)
    with pytest.raises(ServiceError) as late:
        falcon.discover(data_file, QUICK)
    assert (late.value.status, late.value.code) == (202, "not_finished")
    assert falcon.wait(late.value.document["id"])["state"] == "succeeded"


def test_many_vectors_go_in_several_requests(falcon, job, monkeypatch):
    x, _ = planted(n=25, seed=4)
    whole = falcon.predict(job["id"], x)
    monkeypatch.setattr("falcon_svc.client.predicting.NUMBERS", 8 * 7)
    assert falcon.predict(job["id"], x)["predictions"] == whole["predictions"]
    assert len(whole["predictions"]) == 25
    assert falcon.predict(job["id"], [])["predictions"] == []


def test_a_download_that_is_refused_leaves_no_file(falcon, job, tmp_path):
    with pytest.raises(ServiceError):
        falcon.download(job["id"], "nonsense", tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shell(service, monkeypatch):
    monkeypatch.setenv("FALCON_URL", service.url)
    return lambda *words: falcon_command("remote", *map(str, words))


def test_remote_discover_saves_what_it_found(shell, tmp_path):
    """From a `.npy` file with labels beside it, a settings file and flags."""
    x, coarse = planted()
    np.save(tmp_path / "x.npy", x)
    names = [["land", "water"][k] for k in coarse]
    (tmp_path / "x.csv").write_text("\n".join(["kind", *names]))
    config = tmp_path / "quick.toml"
    config.write_text("[train]\nepochs = 2\n[counts]\nn_fine_per_coarse = {land = 3}\n")
    out = tmp_path / "out"
    words = ("--coarse-column", "kind", "--n-fine", 6, "--config", config)
    done = shell("discover", tmp_path / "x.npy", "--out", out, *words)
    assert done.code == 0, done.err
    assert done.out == f"6 fine classes: {out / 'report.html'}\n"
    found = ["assignments.parquet", "classes.json", "graph.json", "model.zip", "report.html"]
    assert sorted(path.name for path in out.iterdir()) == found
    assert pq.read_table(out / "assignments.parquet").num_rows == 400
    assert len(json.loads((out / "classes.json").read_text())) == 6
    assert done.err.splitlines()[1:4] == ["queued", "preparing", "running"]


def test_remote_predict_writes_a_table(shell, job, falcon, data_file, tmp_path):
    for name in ("p.csv", "p.parquet"):
        done = shell("predict", job["id"], data_file, "--out", tmp_path / name)
        assert done.code == 0, done.err
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.column_names == [
        *("id", "fine", "fine_name", "confidence", "coarse", "coarse_confidence", "abstained"),
        *("label_unknown", "distance"),
    ]
    assert table.equals(pyarrow.csv.read_csv(tmp_path / "p.csv").cast(table.schema))
    names = [row["fine"] for row in falcon.assignments(job["id"])]
    assert np.mean(np.array(names) == table["fine"].to_numpy()) > 0.99


def test_remote_lists_shows_cancels_and_deletes(shell, falcon, dataset, tmp_path):
    job = falcon.submit(dataset["id"], {"train": {"epochs": 10_000}})
    assert job["id"] in shell("jobs").out
    assert job["id"] not in shell("jobs", "--state", "failed").out
    assert dataset["id"] in shell("datasets").out
    assert json.loads(shell("show", dataset["id"]).out)["name"] == "planted.npz"
    assert shell("cancel", job["id"]).out in ("canceling\n", "canceled\n")
    refused = shell("fetch", job["id"], "--out", tmp_path / "out")
    assert refused.code == 2 and "canceled" in refused.err
    assert json.loads(shell("show", job["id"]).out)["state"] == "canceled"
    assert shell("delete", job["id"]).code == 0
    assert "not_found" not in shell("show", job["id"]).out
    assert shell("show", job["id"]).code == 2


def test_remote_errors_are_sentences(shell, job, tmp_path, monkeypatch):
    refusals = [
        shell("discover", tmp_path / "none.npz", "--out", tmp_path / "out"),
        shell("predict", job["id"], tmp_path / "none.npz", "--out", tmp_path / "p.txt"),
    ]
    monkeypatch.setattr("falcon_svc.client.transport.TRIES", 1)
    refusals.append(shell("jobs", "--url", "http://127.0.0.1:1"))
    assert [one.code for one in refusals] == [2, 2, 2]
    assert all(one.err.startswith("error: Expected") for one in refusals)
