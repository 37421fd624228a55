"""Cancel in every state, twice, too late, and of a process that will not listen."""

from __future__ import annotations

import os
import time

import pytest

from tests.api.running import wait_until
from tests.faults.faults import WORKER, Fault
from tests.faults.history import check_history, check_nothing_left, worker_of
from tests.faults.jobs import (
    LONG,
    add_dataset,
    job_of,
    submit,
    until_ended,
    until_stage,
    until_state,
)

pytestmark = pytest.mark.faults


def most_s() -> float:
    """One second, on a machine whose processors are free."""
    return 1.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def cancel(service, job_id):
    return service.http.post(f"/v1/jobs/{job_id}:cancel")


def gone_after_cancel_s(service, job_id) -> float:
    """Cancel a job at work and return how long its process lived on."""
    import psutil

    process = psutil.Process(worker_of(service, job_id))
    began = time.monotonic()
    assert cancel(service, job_id).status_code == 202
    process.wait(30)
    return time.monotonic() - began


def test_cancel_in_every_state(calm, calm_dataset, done):
    """Behind a running job one waits; both go, and then cancelling again changes nothing."""
    running = submit(calm, calm_dataset, LONG)
    wait_until(lambda: worker_of(calm, running) is not None, 60)
    assert job_of(calm, running)["state"] == "preparing"
    waiting = submit(calm, calm_dataset, LONG)
    assert cancel(calm, waiting).json()["state"] == "canceled"
    until_stage(calm, running, "head")
    assert gone_after_cancel_s(calm, running) < most_s()
    again = cancel(calm, running)
    assert again.status_code == 202 and again.json()["state"] in ("canceling", "canceled")
    ended = until_ended(calm, running)
    assert ended["state"] == "canceled"
    for job_id in (running, waiting):
        assert cancel(calm, job_id).json() == job_of(calm, job_id)
    late = cancel(calm, done)
    assert (late.status_code, late.json()["code"]) == (409, "already_finished")
    assert check_history(calm, [running, waiting, done])[running] == "canceled"
    check_nothing_left(calm)


def test_cancel_while_it_prepares(start):
    """A warm process prepares in no time, so this one takes its time."""
    job = f"{WORKER} job"
    slow = Fault("falcon_svc.worker.limits:limit_self", do="sleep", by=10.0, process=job)
    service = start(faults=[slow])
    job_id = submit(service, add_dataset(service), LONG)
    until_state(service, job_id, "preparing")
    wait_until(lambda: worker_of(service, job_id) is not None, 60)
    assert gone_after_cancel_s(service, job_id) < most_s()
    assert until_ended(service, job_id)["state"] == "canceled"
    assert job_of(service, job_id)["running_at"] is None
    check_history(service, [job_id])
    check_nothing_left(service)


def test_a_worker_that_ignores_sigterm_is_gone_as_soon(start):
    """A stop is SIGKILL: what the process holds is in checkpoints."""
    deaf = Fault("falcon_svc.worker.limits:limit_self", do="ignore_sigterm", process=WORKER)
    service = start(faults=[deaf])
    job_id = submit(service, add_dataset(service), LONG)
    until_state(service, job_id, "running")
    assert gone_after_cancel_s(service, job_id) < most_s()
    assert until_ended(service, job_id)["state"] == "canceled"
    check_history(service, [job_id])
    check_nothing_left(service)
