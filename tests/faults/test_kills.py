"""kill -9 of every part at moments that nobody chose: acknowledged jobs end once.

`test_crash_points` chooses the moments; here they come by stage or at random, to one part or all.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import httpx
import pytest

from tests.api.running import Running, wait_until
from tests.faults.faults import WORKER, Fault
from tests.faults.history import check_history, check_nothing_left, supervisor_of, worker_of
from tests.faults.jobs import TRAIN, add_dataset, job_of, submit, until_ended, until_stage

pytestmark = pytest.mark.faults
FULL = pytest.mark.long


@FULL
@pytest.mark.parametrize("stage", ["structure", "head", "assignments"])
def test_a_killed_worker_is_followed_by_another_attempt(service, dataset, stage):
    job_id = submit(service, dataset)
    until_stage(service, job_id, stage)
    if (pid := worker_of(service, job_id)) is not None:
        os.kill(pid, signal.SIGKILL)
    job = until_ended(service, job_id)
    assert job["state"] == "succeeded" and job["attempt"] <= 2
    assert check_history(service, [job_id]) == {job_id: "succeeded"}
    check_nothing_left(service)


@FULL
@pytest.mark.parametrize("stage", [None, "structure", "head"])
def test_a_killed_supervisor_is_followed_by_another(service, dataset, stage):
    job_id = submit(service, dataset)
    if stage is not None:
        until_stage(service, job_id, stage)
    worker = worker_of(service, job_id)
    os.kill(supervisor_of(service), signal.SIGKILL)
    if worker is not None:
        wait_until(lambda: worker_of(service, job_id) != worker)
    assert until_ended(service, job_id)["state"] == "succeeded"
    check_history(service, [job_id])
    check_nothing_left(service)


@FULL
@pytest.mark.parametrize("stage", [None, "head"])
def test_a_killed_service_goes_on_where_it_stopped(service, dataset, stage):
    job_id = submit(service, dataset)
    if stage is not None:
        until_stage(service, job_id, stage)
    service.kill()
    wait_until(lambda: not service.descendants())  # nothing outlives it
    service.start()
    assert until_ended(service, job_id)["state"] == "succeeded"
    check_history(service, [job_id])
    check_nothing_left(service)


@pytest.mark.parametrize(("rounds", "n_jobs"), [(2, 1), pytest.param(8, 4, marks=FULL)])
def test_everything_killed_at_random_moments(start, rounds, n_jobs):
    """Rounds of kill -9 of all processes, like a machine that loses power."""
    rng = random.Random(rounds)
    service = start(max_attempts=rounds + 1)
    dataset = add_dataset(service)
    jobs = [submit(service, dataset) for _ in range(n_jobs)]
    for _ in range(rounds):
        time.sleep(rng.uniform(0.5, 6))
        pids = [service.process.pid, *service.descendants()]
        for pid in rng.sample(pids, len(pids)):
            _kill(pid)
        service.kill()
        service.start()
    states = {job_id: until_ended(service, job_id)["state"] for job_id in jobs}
    assert check_history(service, jobs) == states
    check_nothing_left(service)


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_every_acknowledged_submit_survives_the_api(service, dataset):
    """The API is killed while clients submit; whatever got its 202 is there afterwards."""
    acknowledged: list[str] = []
    gone = threading.Event()

    def client(number):
        with httpx.Client(base_url=service.url, timeout=10) as http:
            for i in range(200):
                body = {"dataset_id": dataset, "config": TRAIN}
                headers = {"Idempotency-Key": f"{number}-{i}"}
                try:
                    answer = http.post("/v1/jobs", json=body, headers=headers)
                except httpx.TransportError:
                    return
                if answer.status_code == 202:
                    acknowledged.append(answer.json()["id"])
                if gone.is_set():
                    return

    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(acknowledged) > 20)
    service.kill()
    gone.set()
    for thread in threads:
        thread.join()
    service.start()
    listed = service.http.get("/v1/jobs", params={"dataset_id": dataset, "page_size": 200}).json()
    every = [job["id"] for job in listed["items"]]  # also those whose answer got lost
    assert set(acknowledged) <= set(every)
    for job_id in every:
        service.http.post(f"/v1/jobs/{job_id}:cancel")
    for job_id in every:
        until_ended(service, job_id)
    check_history(service, every)
    check_nothing_left(service)


def test_an_upload_cut_off_leaves_nothing(service):
    """A client that goes away, and then an API that is killed, in the middle of a file."""

    def pieces(then):
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
        for _ in range(64):
            yield b"x" * 65_536
        then()

    def drop():
        raise ConnectionResetError

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for then in (drop, service.kill):
        with pytest.raises((ConnectionResetError, httpx.TransportError)):
            httpx.post(f"{service.url}/v1/datasets", content=pieces(then), headers=headers)
    service.start()
    assert service.http.get("/v1/datasets").json()["items"] == []
    check_nothing_left(service)


def test_a_job_that_kills_its_worker_fails_and_the_queue_goes_on(start):
    name = "falcon_svc.storage.jobs:JobRepository.outcomes"  # the first that it asks for
    poisonous = Fault(name, process=WORKER, times=2)
    service = start(faults=[poisonous], max_attempts=2)
    dataset = add_dataset(service)
    poison, other = submit(service, dataset), submit(service, dataset, {"counts": {"n_fine": 500}})
    job = until_ended(service, poison)
    assert (job["state"], job["attempt"]) == ("failed", 2)
    assert (job["error"]["code"], job["error"]["cause"]) == ("max_attempts", "worker_killed")
    assert "2 attempts" in job["error"]["detail"]
    ended = until_ended(service, other)
    assert (ended["state"], ended["attempt"]) == ("failed", 1)
    assert "500" in ended["error"]["detail"]
    check_history(service, [poison, other])
    check_nothing_left(service)


def test_two_supervisors_of_one_directory(service):
    import subprocess
    import sys

    command = [sys.executable, "-m", "falcon_svc.cli.main", "worker", "--data-dir"]
    environment = {**os.environ, "FALCON_LOCK_WAIT_S": "0.2"}
    command.append(str(service.folder))
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "one supervisor" in done.stderr


@FULL
def test_a_second_service_shares_the_data_but_not_the_work(start, tmp_path):
    """Two API processes on one data directory: the jobs of both are done by the one supervisor."""
    first = start()
    second = Running(first.folder, "--no-worker")
    try:
        dataset = add_dataset(first)
        job_id = submit(second, dataset)
        assert until_ended(first, job_id)["state"] == "succeeded"
        assert job_of(second, job_id)["state"] == "succeeded"
    finally:
        second.stop()
    check_history(first, [job_id])
