"""From POST to fine classes, over a socket, and every form in which results come."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

from falcon_svc.metrics.clustering import accuracy_score
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.surety import Demand
from tests.api.conftest import QUICK
from tests.api.running import cheap, planted


def test_a_job_finds_the_planted_classes(falcon, job):
    assert job["state"] == "succeeded"
    assert job["summary"]["n_fine"] == 6 and job["summary"]["n_samples"] == 400
    assert job["metadata"] == {"who": "tests"}
    assert job["created_at"] < job["preparing_at"] < job["running_at"] < job["ended_at"]
    rows = falcon.assignments(job["id"])
    found = np.array([row["fine"] for row in rows])
    assert accuracy_score(np.arange(400) % 6, found) > 0.95
    assert all(0 <= row["confidence"] <= 1 for row in rows)


def test_one_request_from_data_to_classes(http, data_file):
    with data_file.open("rb") as file:
        answer = http.post(
            "/v1/discover",
            files={"file": (data_file.name, file)},
            data={"config": json.dumps(QUICK)},
            headers={"Prefer": "wait=50"},
        )
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert set(document) == {"job", "classes", "assignments", "graph"}
    assert len(document["classes"]) == 6 and len(document["assignments"]) == 400
    assert sum(one["size"] for one in document["classes"]) == 400


def test_discover_without_waiting_answers_with_the_job(http, data_file):
    files = {"file": (data_file.name, data_file.read_bytes())}
    answer = http.post("/v1/discover", files=files, data={"config": json.dumps(QUICK)})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    assert answer.headers["Retry-After"]


def test_classes_and_their_samples(falcon, job, http):
    classes = falcon.classes(job["id"])
    assert [one["id"] for one in classes] == list(range(6))
    assert {one["coarse"]["coarse"] for one in classes} == {"land", "water"}
    one = http.get(f"/v1/jobs/{job['id']}/classes/2").json()
    assert one == classes[2]
    typical = falcon.samples(job["id"], 2)
    assert [row["id"] for row in typical] == one["medoids"]
    border = falcon.samples(job["id"], 2, "border")
    assert [row["margin"] for row in border] == sorted(row["margin"] for row in border)
    assert isinstance(falcon.samples(job["id"], 2, "suspect"), list)


def test_assignments_are_the_same_in_every_form(http, job):
    place = f"/v1/jobs/{job['id']}/assignments"

    def get(kind):
        answer = http.get(place, headers={"Accept": kind})
        assert answer.headers["Content-Type"].startswith(kind)
        return answer

    plain = get("application/json").json()
    lines = [json.loads(line) for line in get("application/x-ndjson").text.splitlines()]
    table = list(csv.DictReader(io.StringIO(get("text/csv").text)))
    parquet = pq.read_table(io.BytesIO(get("application/vnd.apache.parquet").content)).to_pylist()
    assert plain == lines
    assert [int(row["fine"]) for row in table] == [row["fine"] for row in plain]
    assert [row["id"] for row in parquet] == [row["id"] for row in plain]
    assert [row["fine"] for row in parquet] == [row["fine"] for row in plain]


@pytest.mark.parametrize(
    ("accept", "status"), [("image/png", 406), ("text/*;q=0.3, application/json", 200)]
)
def test_accept_decides(http, job, accept, status):
    answer = http.get(f"/v1/jobs/{job['id']}/assignments", headers={"Accept": accept})
    assert answer.status_code == status


def test_graph_in_every_form(falcon, job):
    graph = nx.node_link_graph(json.loads(falcon.graph(job["id"])), edges="edges")
    other = nx.parse_graphml(falcon.graph(job["id"], "graphml").decode())
    view = json.loads(falcon.graph(job["id"], "cytoscape"))
    assert len(graph) == len(other) == len(view["elements"]["nodes"]) == 8


def test_the_relation_comes_with_its_certificate(falcon, job):
    (relation,) = falcon.relation(job["id"])
    assert relation["coarse_names"] == ["land", "water"]
    assert [sum(row) for row in relation["relation"]] == [1] * 6
    assert relation["status"] == "optimal"
    assert relation["certificate"]["format"] == "relation-certificate/1"


def test_report_and_model_are_downloads(http, job):
    report = http.get(f"/v1/jobs/{job['id']}/report")
    assert report.headers["Content-Disposition"].startswith("attachment")
    assert report.headers["X-Content-Type-Options"] == "nosniff"
    assert report.headers["Content-Security-Policy"].startswith("sandbox")
    assert b"land" in report.content
    part = http.get(f"/v1/jobs/{job['id']}/report", headers={"Range": "bytes=0-99"})
    assert part.status_code == 206 and part.content == report.content[:100]
    model = http.get(f"/v1/jobs/{job['id']}/model")
    names = zipfile.ZipFile(io.BytesIO(model.content)).namelist()
    assert names == ["discovery.json", "model.json", "model.safetensors"]


def test_ten_thousand_ranges_cost_next_to_nothing(service, http, job):
    many = "bytes=" + ",".join(f"{i}-{i}" for i in range(10_000))
    with cheap(service):
        answer = http.get(f"/v1/jobs/{job['id']}/report", headers={"Range": many})
    assert answer.status_code in (200, 400, 416, 431)


@pytest.fixture(scope="session")
def model_dir(http, job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    answer = http.get(f"/v1/jobs/{job['id']}/model")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(folder)
    return folder


@pytest.mark.parametrize("labelled", [False, True])
def test_predictions_are_those_of_the_model(falcon, job, model_dir, labelled):
    x, coarse = planted(n=60, seed=0)
    names = [["land", "water"][k] for k in coarse]
    names = [name if i % 3 else None for i, name in enumerate(names)] if labelled else None
    rows = falcon.predict(job["id"], x.tolist(), names, least_confidence=0.5)["predictions"]
    here = Predictor.load(model_dir).predict(x, names)
    assert [row["fine"] for row in rows] == here.fine.tolist()
    np.testing.assert_allclose([row["confidence"] for row in rows], here.confidence, atol=1e-5)
    assert all(row["abstained"] == (row["confidence"] < 0.5) for row in rows)
    sure = falcon.predict(job["id"], x.tolist(), names, precision=0.98)
    expected = Predictor.load(model_dir).predict(x, names, demand=Demand(precision=0.98))
    assert [row["abstained"] for row in sure["predictions"]] == expected.abstained.tolist()
    assert [note["code"] for note in sure["notes"]] == ["estimated_precision"]
    known = [i for i in range(60) if labelled and names[i] is not None]
    assert all(rows[i]["coarse"] == names[i] for i in known)


def test_predictions_of_an_npy_body_are_the_same(http, falcon, job):
    x, _ = planted(n=40, seed=1)
    buffer = io.BytesIO()
    np.save(buffer, x)
    answer = http.post(
        f"/v1/models/{job['id']}:predict",
        content=buffer.getvalue(),
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.json() == falcon.predict(job["id"], x.tolist())


def test_unknown_labels_are_marked_and_told(falcon, job):
    x, _ = planted(n=3, seed=0)
    found = falcon.predict(job["id"], x.tolist(), {"coarse": ["sky", None, "land"]})
    assert [row["label_unknown"] for row in found["predictions"]] == [True, False, False]
    assert [note["code"] for note in found["notes"]] == ["unknown_labels"]
    plain = falcon.predict(job["id"], x.tolist())["predictions"]
    assert found["predictions"][0]["fine"] == plain[0]["fine"]
    assert all(0 < row["distance"] < 2 for row in plain)


def test_far_away_is_unlike_anything_seen(falcon, job):
    x, _ = planted(n=1, seed=0)
    found = falcon.predict(job["id"], (1e6 * x).tolist())
    assert found["predictions"][0]["distance"] > 1000
    assert [note["code"] for note in found["notes"]] == ["far_off"]


def test_names_of_columns_that_the_model_cannot_check_are_told(falcon, job):
    x, _ = planted(n=1, seed=0)
    names = [f"e{k}" for k in range(x.shape[1])]
    found = falcon.predict(job["id"], x.tolist(), columns=names)
    assert [note["code"] for note in found["notes"]] == ["columns_by_number"]
