"""Hostile files through the service: each is refused by its code and leaves nothing behind."""

from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import QUICK
from tests.api.hostile import HOSTILE, SETTINGS, bytes_of, png_of_html
from tests.api.running import Running, npz_bytes, planted, wait_until
from tests.data.builders import image_files, write_npz, write_zip
from tests.data.test_fuzz import mutants
from tests.data.test_h5ad import write_h5ad
from tests.data.test_npz import CANARY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
QUOTA = 80 * 2**20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "data"
    running = Running(folder, slots=2, worker_nice=0, max_dataset_bytes=QUOTA)
    running.until_stands_by()
    yield running
    running.stop()


def send(service, name, content, **options):
    return service.http.post(
        "/v1/datasets", files={"file": (name, content)}, data={"options": json.dumps(options)}
    )


def checked(service, dataset_id):
    """The data set, once it was checked."""

    def ended():
        found = service.http.get(f"/v1/datasets/{dataset_id}").json()
        return found["state"] != "validating" and found

    return wait_until(ended, seconds=600, every=0.2)


def ended_job(service, place):
    return wait_until(
        lambda: (job := service.http.get(place).json())["ended_at"] and job, seconds=300, every=0.2
    )


@pytest.fixture(scope="module")
def refused(service, tmp_path_factory):
    """Every hostile file, sent at once, as it was found to be."""

    def upload(name):
        build, _ = HOSTILE[name]
        file_name, content = bytes_of(build, tmp_path_factory.mktemp("file"))
        return name, send(service, file_name, content, **SETTINGS.get(name, {}))

    with ThreadPoolExecutor(4) as pool:
        answers = dict(pool.map(upload, HOSTILE))
    assert {answer.status_code for answer in answers.values()} == {201}
    return {name: checked(service, answer.json()["id"]) for name, answer in answers.items()}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_its_code(refused, name):
    found = refused[name]
    assert (found["state"], found["error"]["code"]) == ("invalid", HOSTILE[name][1]), found
    assert found["error"]["detail"].endswith(".") and len(found["error"]["detail"]) < 2_000
    assert "Traceback" not in json.dumps(found) and "/artifacts/" not in json.dumps(found)


def test_hostile_files_leave_nothing_behind(service, refused):
    """No file, no job, no quota; no pickle has run; nothing else has gone wrong."""
    for found in refused.values():
        job = service.http.post("/v1/jobs", json={"dataset_id": found["id"]})
        assert (job.status_code, job.json()["code"]) == (409, "dataset_invalid")
    files = (service.folder / "artifacts").rglob("*")
    wait_until(lambda: not [path for path in files if path.is_file()])
    assert not [path for path in (service.folder / "staging").rglob("*") if path.is_file()]
    assert not CANARY.exists()
    begin = service.http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": QUOTA})
    assert begin.status_code == 201, "the bytes of refused files count no longer"
    service.http.delete(begin.headers["Location"])
    for found in refused.values():
        assert service.http.delete(f"/v1/datasets/{found['id']}").status_code == 204
    assert service.http.get("/v1/datasets").json()["items"] == []


def test_good_data_works_after_hostile_files(service, refused):
    made = send(service, "a.npz", npz_bytes(60)).json()
    assert checked(service, made["id"])["state"] == "ready"


def test_damaged_anndata_never_takes_the_service_along(service, tmp_path):
    """The HDF5 library may crash; then it crashes alone."""
    content = write_h5ad(tmp_path).read_bytes()
    made = [send(service, "m.h5ad", one).json() for one in islice(mutants(content, seed=4), 8)]
    assert {checked(service, one["id"])["state"] for one in made} <= {"ready", "invalid"}
    assert service.http.get("/health/ready").status_code == 200


ODD = {
    "B30 an animation": {"bird/a.gif": "GIF"},
    "B31 other modes": {"bird/c.jpg": "CMYK", "bird/g.png": "I;16", "bird/p.png": "P"},
    "B32 a page behind an image": {"bird/h.png": "html"},
}


def odd_image(kind: str) -> bytes:
    if kind == "html":
        return png_of_html()
    out = io.BytesIO()
    if kind == "GIF":
        frames = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in range(50)]
        frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    else:
        Image.new(kind, (8, 8)).save(out, "JPEG" if kind == "CMYK" else "PNG")
    return out.getvalue()


@pytest.mark.parametrize("name", ODD)
def test_odd_images_have_a_defined_result(service, tmp_path, name):
    odd = {file: odd_image(kind) for file, kind in ODD[name].items()}
    content = write_zip(tmp_path, {**image_files(), **odd}).read_bytes()
    found = checked(service, send(service, "i.zip", content).json()["id"])
    assert found["state"] == "ready", found
    assert found["summary"]["n_samples"] == 6 + len(odd)


def test_labels_that_are_pages_are_text_in_the_report(service, tmp_path):
    """B50, and a class with one sample."""
    x, coarse = planted(60)
    names = np.array(["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "one"])
    coarse[0] = 2
    path = write_npz(tmp_path, x=x, coarse=names[coarse], fine=None)
    made = send(service, '<img src=x onerror="alert(1)">.npz', path.read_bytes())
    body = {"dataset_id": made.json()["id"], "config": QUICK}
    job = service.http.post("/v1/jobs", json=body).json()
    place = f"/v1/jobs/{job['id']}"
    ended = ended_job(service, place)
    assert ended["state"] == "succeeded", ended
    report = service.http.get(f"{place}/report")
    assert b"alert(1)" in report.content
    assert b"<script" not in report.content and b"<img src=x" not in report.content
    assert report.headers["Content-Security-Policy"].startswith("sandbox")
    assert report.headers["Content-Disposition"].startswith("attachment")
    graph = service.http.get(f"{place}/graph?format=graphml")
    assert b"<script" not in graph.content
    table = service.http.get(f"{place}/assignments", headers={"Accept": "text/csv"})
    assert table.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("counts", "code"),
    [({"n_fine": 1}, "infeasible_constraints"), ({"n_fine": 61}, "infeasible_constraints"),
     ({"n_fine": 9, "n_fine_per_coarse": {"land": 2, "water": 3}}, "infeasible_constraints"),
     ({"n_fine_per_coarse": {"sky": 2}}, "bad_config")],
)  # fmt: skip
def test_contradictory_wishes_are_refused_with_their_code(service, ready, counts, code):
    """B53: fewer fine classes than coarse ones, more than samples, ranges that do not add up."""
    order = {"dataset_id": ready, "config": {"counts": counts}}
    answer = service.http.post("/v1/jobs", json=order)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "/body/config/counts"
    good = {"custom_id": "good", "dataset_id": ready}
    batch = {"jobs": [good, {"custom_id": "bad", **order}]}
    answer = service.http.post("/v1/batches", json=batch)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["pointer"] == "/body/jobs/1/config/counts"
    assert service.http.get("/v1/jobs", params={"dataset_id": ready}).json()["items"] == []


@pytest.fixture(scope="module")
def ready(service):
    """A data set that has passed its check."""
    path = f"/v1/datasets/{send(service, 'a.npz', npz_bytes(60)).json()['id']}"
    found = wait_until(lambda: (d := service.http.get(path).json())["state"] == "ready" and d)
    return found["id"]
