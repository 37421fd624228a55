"""SIGSTOP: what does not answer is given up, and changes nothing when it wakes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.api.running import wait_until
from tests.faults.faults import WORKER, Fault
from tests.faults.history import (
    check_history,
    check_nothing_left,
    open_record,
    supervisor_of,
    worker_of,
)
from tests.faults.jobs import add_dataset, events_of, job_of, submit, until_ended, until_stage

pytestmark = pytest.mark.faults
FULL = pytest.mark.long
LEASE_S = 5  # of the services of these tests
FREEZE = Fault("falcon_svc.checkpoint:CheckpointStore.save", do="freeze", call=2, process=WORKER)
GONE = 3


def command_of(service, *words):
    """Start a process of a service's own kind, with its settings."""
    names = {**service.settings, "data_dir": service.folder}
    own = {f"FALCON_{name.upper()}": str(value) for name, value in names.items()}
    return subprocess.Popen([sys.executable, "-m", *words], env={**os.environ, **own})


def is_stopped(process) -> bool:
    import psutil

    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def test_an_attempt_that_wakes_after_it_was_given_up_changes_nothing(start):
    """Its supervisor is not ours, which cannot kill it: only the attempt's number fences it."""
    service = start("data", "--no-worker", faults=[FREEZE])
    job_id = submit(service, add_dataset(service))
    _claim(service)
    words = ("falcon_svc.worker.main", "job", job_id, "1", str(os.getpid()))
    sleeper = command_of(service, *words)
    wait_until(lambda: is_stopped(sleeper), 300)
    supervisor = command_of(service, "falcon_svc.cli.main", "worker")
    try:
        job = until_ended(service, job_id)
        assert (job["state"], job["attempt"]) == ("succeeded", 2)
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(60) == GONE
        assert service.http.get(f"/v1/jobs/{job_id}").json() == job
        check_history(service, [job_id])
    finally:
        sleeper.kill()
        supervisor.terminate()
        supervisor.wait(30)
    check_nothing_left(service)


def _claim(service) -> None:
    """Check the data set and claim the job, as another machine would."""
    from falcon_svc.storage.datasets import DatasetRepository
    from falcon_svc.storage.jobs import JobRepository

    _, database = open_record(service)
    with database.read() as session:
        (waiting,) = DatasetRepository(session).to_validate()
    words = ("falcon_svc.worker.main", "check", waiting.id, "0", str(os.getpid()))
    assert command_of(service, *words).wait(120) == 0
    with database.write() as session:
        assert JobRepository(session).claim("elsewhere") is not None
    database.close()


@FULL
def test_a_frozen_worker_is_given_up(start):
    service = start(faults=[FREEZE])
    job_id = submit(service, add_dataset(service))
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert [e["error"]["code"] for e in events_of(service, job_id) if e.get("error")] == [
        "worker_lost"
    ]
    check_history(service, [job_id])
    check_nothing_left(service)


@FULL
def test_a_frozen_supervisor_that_wakes_does_no_harm(service, dataset):
    """Its worker goes on alone, and ends the job; the supervisor then finds nothing to do."""
    job_id = submit(service, dataset)
    until_stage(service, job_id, "structure")
    pid = supervisor_of(service)
    os.kill(pid, signal.SIGSTOP)
    assert until_ended(service, job_id)["attempt"] == 1
    other = submit(service, dataset)
    time.sleep(2 * LEASE_S)  # whatever it holds has lapsed
    os.kill(pid, signal.SIGCONT)
    for one in (job_id, other):
        assert until_ended(service, one)["state"] == "succeeded"
    check_history(service, [job_id, other])
    check_nothing_left(service)


@FULL
def test_a_frozen_api_goes_on_where_it_was(service, dataset):
    """The job ends meanwhile; a client that waited for its events misses none."""
    job_id = submit(service, dataset)
    seen: list[dict] = []
    follower = threading.Thread(target=lambda: seen.extend(events_of(service, job_id)))
    follower.start()
    until_stage(service, job_id, "structure")
    service.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: worker_of(service, job_id) is None, 300)  # it has ended
    service.process.send_signal(signal.SIGCONT)
    assert until_ended(service, job_id)["attempt"] == 1
    follower.join(60)
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1]["state"] == "succeeded" and job_of(service, job_id)["state"] == "succeeded"
    check_history(service, [job_id])
    check_nothing_left(service)
