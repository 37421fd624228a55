"""A whole service with Postgres whose jobs run on Ray: every loss on the way ends in a result."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import httpx
import pytest

from falcon_svc.storage.jobs import JobRepository
from tests.api.running import Running, npz_bytes, wait_until
from tests.engines.cluster import Line
from tests.engines.conftest import alive
from tests.faults.history import check_history, check_nothing_left, open_record

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
FULL = pytest.mark.long
WORKER = "falcon_svc.worker.main"
QUICK = {"counts": {"n_fine": 6}, "train": {"epochs": 2}}
LAST = 600
LONG = {"counts": {"n_fine": 6}, "train": {"epochs": LAST}}
ENDED = ("succeeded", "failed", "canceled")


@pytest.fixture(scope="module")
def cut(cluster):
    """The line between the service and the cluster."""
    made = Line(cluster.port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(cut, postgres, tmp_path_factory):
    running = Running(
        tmp_path_factory.mktemp("service") / "data",
        engine="ray",
        ray_address=f"http://127.0.0.1:{cut.port}",
        ray_cpus=0.5,
        database_url=postgres.get_uri(),
        lease_s=15,
        slots=2,
        worker_nice=0,
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def dataset(service):
    files = {"file": ("planted.npz", npz_bytes(200))}
    return service.http.post("/v1/datasets", files=files).json()["id"]


@pytest.fixture
def submissions(cluster):
    """Attempts at a job of which the cluster was ever seen to have a submission."""
    seen: set[str] = set()

    def look(job_id):
        with suppress(httpx.TransportError):  # there may be no cluster now
            seen.update(cluster.submissions())
        return {int(name.removeprefix(f"{job_id}-")) for name in seen if name.startswith(job_id)}

    return look


def submit(service, dataset_id, config):
    answer = service.http.post("/v1/jobs", json={"dataset_id": dataset_id, "config": config})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def job_of(service, job_id):
    return service.http.get(f"/v1/jobs/{job_id}").json()


def until(service, job_id, condition, seconds=120):
    return wait_until(
        lambda: condition(job := job_of(service, job_id)) and job, seconds=seconds, every=0.3
    )


def until_stage(service, job_id, stage="head"):
    job = until(service, job_id, lambda job: job["stage"] == stage or job["state"] in ENDED)
    assert job["state"] == "running", job


def until_succeeded(service, submissions, *job_ids, seconds=240):
    """Wait for jobs, check the whole record, and return the first of them."""

    def ended(job):
        submissions(job["id"])
        return job["state"] in ENDED

    jobs = [until(service, job_id, ended, seconds) for job_id in job_ids]
    assert check_history(service, job_ids) == dict.fromkeys(job_ids, "succeeded")
    check_nothing_left(service)
    return jobs[0]


def worker_of(job_id):
    import psutil

    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or []).split()
        if words[1:3] == ["-m", WORKER] and job_id in words:
            return process.pid
    return None


def frozen_worker_of(job_id):
    """Stop the job's process where it is: it cannot end while the test looks elsewhere."""
    pid = worker_of(job_id)
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_a_job_on_the_cluster_gives_its_result_through_the_api(service, dataset, submissions):
    job_id = submit(service, dataset, QUICK)
    job = until_succeeded(service, submissions, job_id)
    assert job["attempt"] == 1
    assert submissions(job_id) == {1}
    classes = service.http.get(f"/v1/jobs/{job_id}/classes").json()
    assert len(classes) == 6
    rows = service.http.get(f"/v1/jobs/{job_id}/assignments", headers={"Accept": "text/csv"})
    assert rows.status_code == 200
    assert len(rows.text.splitlines()) == 201


def test_a_device_that_the_cluster_can_never_give_is_refused(service, dataset):
    body = {"dataset_id": dataset, "config": {**QUICK, "device": "cuda"}}
    answer = service.http.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_such_device")
    assert service.http.get("/v1/capabilities").json()["devices"] == ["cpu"]


def test_a_canceled_job_leaves_the_cluster(service, dataset, cluster):
    job_id = submit(service, dataset, LONG)
    until_stage(service, job_id)
    pid = worker_of(job_id)
    service.http.post(f"/v1/jobs/{job_id}:cancel")
    wait_until(lambda: not alive(pid))
    until(service, job_id, lambda job: job["state"] == "canceled")
    wait_until(lambda: f"{job_id}-1" not in cluster.submissions())
    assert check_history(service, [job_id]) == {job_id: "canceled"}
    check_nothing_left(service)


def test_a_killed_worker_is_followed_by_another_attempt(service, dataset, submissions):
    job_id = submit(service, dataset, LONG)
    until_stage(service, job_id)
    os.kill(worker_of(job_id), signal.SIGKILL)
    assert until_succeeded(service, submissions, job_id)["attempt"] == 2
    assert submissions(job_id) == {1, 2}


def test_a_killed_service_finds_its_job_still_at_work(service, dataset, submissions):
    """The same process goes on all the time; nothing is submitted twice."""
    job_id = submit(service, dataset, LONG)
    until_stage(service, job_id)
    pid = frozen_worker_of(job_id)
    submissions(job_id)
    for process in service.descendants():
        if process != pid and "operations.supervise" in _words(process):
            os.kill(process, signal.SIGKILL)
    service.kill()
    time.sleep(1)
    assert alive(pid)
    service.start()
    os.kill(pid, signal.SIGCONT)
    job = until_succeeded(service, submissions, job_id)
    assert job["attempt"] == 1
    assert submissions(job_id) == {1}


def _words(pid):
    import psutil

    with suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline())
    return ""


@pytest.mark.parametrize("cut_s", [8, pytest.param(60, marks=FULL)])
def test_a_cut_between_service_and_cluster_is_ridden_out(service, dataset, submissions, cut, cut_s):
    job_id = submit(service, dataset, LONG)
    until_stage(service, job_id)
    cut.cut = True
    time.sleep(cut_s)
    waiting = submit(service, dataset, QUICK)  # taken at once, started afterwards
    cut.cut = False
    assert until_succeeded(service, submissions, job_id, waiting)["attempt"] == 1
    assert submissions(job_id) == {1}
    assert submissions(waiting) == {1}


def test_a_lost_head_is_followed_by_another_attempt_on_the_next(
    service, dataset, submissions, cluster
):
    """It goes on from where the lost attempt was last seen, or later."""
    job_id = submit(service, dataset, LONG)
    until_stage(service, job_id)
    until(service, job_id, lambda job: job["progress"]["done"] > 20)
    frozen_worker_of(job_id)
    submissions(job_id)
    cluster.kill()
    assert job_of(service, job_id)["state"] in ("running", "queued")
    cluster.start()
    assert until_succeeded(service, submissions, job_id)["attempt"] == 2
    assert submissions(job_id) == {1, 2}
    epochs = epochs_of(service, job_id)
    assert epochs[1]
    assert min(epochs.get(2, []), default=LAST) >= epochs[1][-1]  # it may have trained its last


def epochs_of(service, job_id) -> dict[int, list[int]]:
    """Attempt -> the epochs that it told of."""
    _, database = open_record(service)
    with database.read() as session:
        events = JobRepository(session).events_after(job_id, 0, most=100_000)
    database.close()
    attempt, epochs = 0, {}
    for event in events:
        attempt = event.data.get("attempt", attempt)
        if event.data.get("stage") == "head" and event.data.get("done"):
            epochs.setdefault(attempt, []).append(event.data["done"])
    return epochs
