"""kill -9 at named points of the code: one process after another dies there, the job goes on."""

from __future__ import annotations

import httpx
import pytest

from tests.api.running import wait_until
from tests.faults.desk import Desk
from tests.faults.faults import API, SUPERVISOR, WORKER, Fault, patch, struck
from tests.faults.history import check_history, check_nothing_left, worker_of
from tests.faults.jobs import LONG, TRAIN, add_dataset, events_of, job_of, submit, until_ended

pytestmark = pytest.mark.faults
FULL = pytest.mark.long

EVERY = [
    Fault("falcon_svc.checkpoint:CheckpointStore.save", process=WORKER),
    Fault("falcon_svc.checkpoint:_write_durably", call=2, process=WORKER),  # half written
    Fault("falcon_svc.checkpoint:sync", when="after", process=WORKER),  # before the rename
    Fault("falcon_svc.checkpoint:sync", call=2, process=WORKER),  # after it
    Fault("falcon_svc.durable.atomic_directory:_take_over", process=WORKER),
    Fault("falcon_svc.storage.artifacts:ArtifactStore.put_file", process=WORKER),
    Fault("falcon_svc.storage.artifacts:ArtifactStore._put", call=3, process=WORKER),
    Fault("falcon_svc.storage.jobs:JobRepository.succeed", process=WORKER),
    Fault("falcon_svc.storage.jobs:JobRepository.succeed", when="after", process=WORKER),
]


def test_an_attempt_killed_at_every_point_of_its_way_is_followed_by_the_next(tmp_path, monkeypatch):
    desk, marks = Desk(tmp_path / "data", max_attempts=len(EVERY) + 1), tmp_path / "marks"
    dataset = desk.add_dataset()  # before: it would kill this process
    patch(monkeypatch, EVERY, marks)
    job = desk.until_ended(desk.submit(dataset))
    assert (job.state, desk.outcomes(job.id)) == (
        "succeeded",
        ["worker_killed"] * len(EVERY) + ["succeeded"],
    )
    assert struck(marks) == dict.fromkeys(range(len(EVERY)), 1)
    other = desk.until_ended(desk.submit(dataset))  # no fault is left for it
    assert (other.state, other.attempt) == ("succeeded", 1)
    for name in ("assignments.parquet", "arrays.safetensors", "graph.json"):
        assert desk.result(job, name) == desk.result(other, name)


@FULL
def test_a_worker_killed_at_every_point_of_its_way_is_followed_by_the_next(start, tmp_path):
    service = start(faults=EVERY, max_attempts=len(EVERY) + 1)
    job_id = submit(service, add_dataset(service))
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", len(EVERY) + 1)
    assert struck(tmp_path / "data.struck") == dict.fromkeys(range(len(EVERY)), 1)
    told = [event["error"]["code"] for event in events_of(service, job_id) if event.get("error")]
    assert told == ["worker_killed"] * len(EVERY)
    check_history(service, [job_id])
    check_nothing_left(service)


def test_a_supervisor_killed_at_every_point_is_followed_by_another(start, tmp_path):
    """After its claim, before the start; after the worker's end, before this is recorded."""
    faults = [
        Fault("falcon_svc.engines.local:LocalEngine.start", call=2, process=SUPERVISOR),
        Fault("falcon_svc.checkpoint:CheckpointStore.save", process=WORKER),
        Fault("falcon_svc.service.operations.supervisor:Supervisor._after", process=SUPERVISOR),
    ]
    service = start(faults=faults)
    job_id = submit(service, add_dataset(service))
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 3)
    assert struck(tmp_path / "data.struck") == {0: 1, 1: 1, 2: 1}
    check_history(service, [job_id])
    check_nothing_left(service)


def test_a_supervisor_killed_while_it_cancels_is_followed_by_one_that_does(start):
    service = start(faults=[Fault("falcon_svc.engines.local:LocalEngine.stop", when="after")])
    job_id = submit(service, add_dataset(service), LONG)
    wait_until(lambda: job_of(service, job_id)["state"] == "preparing", every=0.01)
    wait_until(lambda: worker_of(service, job_id) is not None)
    service.http.post(f"/v1/jobs/{job_id}:cancel")
    assert until_ended(service, job_id)["state"] == "canceled"
    check_history(service, [job_id])
    check_nothing_left(service)


def test_an_api_killed_before_or_after_its_commit_makes_nothing_or_one_job(start):
    """A client without an answer asks again with the same key."""
    faults = [
        Fault("falcon_svc.storage.keys:KeyRepository.remember", when="after", process=API),
        Fault("falcon_svc.service.jobs:submit", when="after", process=API),
    ]
    service = start("data", "--no-worker", faults=faults)
    body = {"dataset_id": add_dataset(service), "config": TRAIN}
    jobs = []
    for _ in faults:
        with pytest.raises(httpx.TransportError):
            service.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
        service.kill()
        service.start()
        jobs.append([job["id"] for job in service.http.get("/v1/jobs").json()["items"]])
    answer = service.http.post("/v1/jobs", json=body, headers={"Idempotency-Key": "k"})
    assert jobs == [[], [answer.json()["id"]]]
    service.http.post(f"/v1/jobs/{answer.json()['id']}:cancel")
    check_history(service, jobs[1])
    check_nothing_left(service)


def test_an_api_killed_while_it_stores_an_upload_leaves_nothing(start):
    """Received and staged, but not in the store; in the store, but without a row."""
    faults = [
        Fault("falcon_svc.service.datasets:add", process=API),
        Fault("falcon_svc.storage.datasets:DatasetRepository.add", process=API),
    ]
    service = start("data", "--no-worker", faults=faults)
    for _ in faults:
        with pytest.raises(httpx.TransportError):
            add_dataset(service)
        service.kill()
        service.start()
    assert not [path for path in (service.folder / "staging").rglob("*") if path.is_file()]
    orphans = [path.name for path in (service.folder / "artifacts" / "datasets").iterdir()]
    assert len(orphans) == 1  # an hour from now, a sweep takes it
    assert service.http.get("/v1/datasets").json()["items"] == []
    add_dataset(service)
