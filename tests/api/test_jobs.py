"""Jobs over the wire: states, versions, waiting, events, cancelling, idempotency, batches."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from falcon_svc.client import ServiceError
from falcon_svc.worker.landlock import REFER_SINCE, version
from tests.api.conftest import QUICK
from tests.api.running import npz_bytes, wait_until

LONG = {"counts": {"n_fine": 6}, "train": {"epochs": 10_000}}


def test_a_job_unchanged_is_not_sent_again(http, job):
    first = http.get(f"/v1/jobs/{job['id']}")
    again = http.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = http.get(f"/v1/jobs/{job['id']}", headers={"If-None-Match": '"0"'})
    assert other.status_code == 200


def test_prefer_wait_answers_once_the_job_has_ended(http, dataset):
    body = {"dataset_id": dataset["id"], "config": QUICK}
    answer = http.post("/v1/jobs", json=body, headers={"Prefer": "respond-async, wait=50"})
    assert answer.status_code == 200
    assert answer.json()["state"] == "succeeded"


def test_events_are_numbered_and_resume_where_they_stopped(falcon, job):
    events = list(falcon.events(job["id"]))
    numbers = [event["seq"] for event in events]
    assert numbers == list(range(1, len(events) + 1))
    states = [event["state"] for event in events if event["kind"] == "state"]
    assert states == ["queued", "preparing", "running", "succeeded"]
    assert list(falcon.events(job["id"], after=numbers[2])) == events[3:]


def test_events_after_the_last_are_none(http, job):
    last = http.get(f"/v1/jobs/{job['id']}").headers["ETag"].strip('"')
    answer = http.get(f"/v1/jobs/{job['id']}/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 204


def test_a_running_job_is_gone_soon_after_its_cancel(falcon, dataset, service):
    job = falcon.submit(dataset["id"], LONG)
    wait_until(lambda: falcon.job(job["id"])["state"] == "running")
    workers = [pid for pid in service.descendants() if job["id"] in _words(pid)]
    assert workers
    assert all(_is_confined(pid) for pid in workers)
    assert falcon.cancel(job["id"])["state"] == "canceling"
    wait_until(lambda: not any(_alive(pid) for pid in workers))
    ended = wait_until(lambda: (j := falcon.job(job["id"]))["state"] == "canceled" and j)
    assert ended["cancel_requested_at"] <= ended["ended_at"]
    assert falcon.cancel(job["id"])["state"] == "canceled"


def _words(pid):
    import psutil

    try:
        return " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ""


def _is_confined(pid):
    """Whether a worker has given up rights, as `falcon_svc.worker.isolation` makes it do."""
    status = Path(f"/proc/{pid}/status").read_text()
    return version() < REFER_SINCE or "NoNewPrivs:\t1" in status


def _alive(pid):
    import psutil

    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_an_ended_job_cannot_be_cancelled(falcon, job):
    with pytest.raises(ServiceError) as refused:
        falcon.cancel(job["id"])
    assert (refused.value.status, refused.value.code) == (409, "already_finished")


def test_fifty_parallel_submits_with_one_key_make_one_job(http, dataset):
    body = {"dataset_id": dataset["id"], "config": QUICK}

    def submit(_):
        return http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "fifty"})

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(submit, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = http.post(
        "/v1/jobs",
        json={**body, "config": {"seed": 5}},
        headers={"Idempotency-Key": "fifty"},
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_listing_goes_page_by_page(http, falcon, dataset, job):
    ids = [one["id"] for one in falcon.jobs(dataset_id=dataset["id"])]
    assert job["id"] in ids and ids == sorted(ids, reverse=True)
    first = http.get("/v1/jobs", params={"page_size": 1, "dataset_id": dataset["id"]}).json()
    assert len(first["items"]) == 1
    token = first["next_page_token"]
    page = {"page_size": 1, "page_token": token, "dataset_id": dataset["id"]}
    assert http.get("/v1/jobs", params=page).json()["items"][0]["id"] == ids[1]
    forged = http.get("/v1/jobs", params={"page_token": token})
    assert (forged.status_code, forged.json()["code"]) == (400, "bad_page_token")


def test_a_batch_is_queued_whole_or_not_at_all(falcon, http, dataset):
    good = {"custom_id": "a", "dataset_id": dataset["id"], "config": QUICK}
    bad = {"custom_id": "b", "dataset_id": dataset["id"], "config": {"nonsense": 1}}
    before = len(list(falcon.jobs()))
    with pytest.raises(ServiceError, match="nonsense"):
        falcon.submit_batch([good, bad])
    assert len(list(falcon.jobs())) == before
    many = {**good, "custom_id": "c", "config": {"counts": {"n_fine": 500}}}
    with pytest.raises(ServiceError, match="500"):  # the data set is ready, and has 400
        falcon.submit_batch([good, many])
    assert len(list(falcon.jobs())) == before
    strange = {**good, "custom_id": "c", "config": {"encoder": {"name": "pixels"}}}
    batch = falcon.submit_batch([good, strange])
    assert batch["request_counts"]["total"] == 2
    ended = wait_until(lambda: (b := falcon.batch(batch["id"]))["ended"] and b, seconds=60)
    assert ended["request_counts"] == {"total": 2, "succeeded": 1, "failed": 1}
    (done,) = falcon.batch_results(batch["id"])
    assert done["custom_id"] == "a"
    assert http.get(done["links"]["classes"]).status_code == 200
    (failed,) = falcon.batch_results(batch["id"], errors=True)
    assert failed["custom_id"] == "c" and failed["error"]["detail"]


def names_under(folder):
    """Return the names of all files and directories, of which some may just be going."""
    return {name for _, *names in os.walk(folder) for name in (*names[0], *names[1])}


def test_deleting_removes_rows_and_files(falcon, service, tmp_path):
    path = tmp_path / "d.npz"
    path.write_bytes(npz_bytes(seed=3))
    dataset = falcon.upload(path)
    job = falcon.wait(falcon.submit(dataset["id"], QUICK)["id"])
    artifacts = service.folder / "artifacts"
    assert (artifacts / "results" / job["id"]).is_dir()
    falcon.delete_job(job["id"])
    assert not list((artifacts / "results").glob(f"{job['id']}/*"))
    falcon.delete_dataset(dataset["id"])
    ids = {dataset["id"], job["id"]}
    wait_until(lambda: not ids.intersection(names_under(service.folder)))
    with pytest.raises(ServiceError) as gone:
        falcon.dataset(dataset["id"])
    assert gone.value.status == 404
