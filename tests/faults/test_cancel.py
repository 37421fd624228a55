"""Cancel in every state, twice, too late, and of a process that will not listen."""

from __future__ import annotations

import psutil
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


MOST_S = 1.0
"""Processor time that a process may still use after a cancel, however busy the machine is."""


def cancel(service, job_id):
    return service.http.post(f"/v1/jobs/{job_id}:cancel")


def used_after_cancel_s(service, job_id) -> float:
    """Cancel a job at work and return the processor time that its process used until its end."""
    process = psutil.Process(worker_of(service, job_id))
    before = after = used_s(process)
    assert cancel(service, job_id).status_code == 202

    def gone() -> bool:
        nonlocal after
        try:
            after = max(after, used_s(process))
            return process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(gone, 30, every=0.01)
    return after - before


def used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def test_cancel_in_every_state(calm, calm_dataset, done):
    """Behind a running job one waits; both go, and then cancelling again changes nothing."""
    running = submit(calm, calm_dataset, LONG)
    wait_until(lambda: worker_of(calm, running) is not None, 60)
    assert job_of(calm, running)["state"] == "preparing"
    waiting = submit(calm, calm_dataset, LONG)
    assert cancel(calm, waiting).json()["state"] == "canceled"
    until_stage(calm, running, "head")
    assert used_after_cancel_s(calm, running) < MOST_S
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
    """A warm process prepares in no time, so this one takes its time: it is gone before it runs."""
    job = f"{WORKER} job"
    slow = Fault("falcon_svc.worker.limits:limit_self", do="sleep", by=10.0, process=job)
    service = start(faults=[slow])
    job_id = submit(service, add_dataset(service), LONG)
    until_state(service, job_id, "preparing")
    wait_until(lambda: worker_of(service, job_id) is not None, 60)
    assert used_after_cancel_s(service, job_id) < MOST_S
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
    assert used_after_cancel_s(service, job_id) < MOST_S
    assert until_ended(service, job_id)["state"] == "canceled"
    check_history(service, [job_id])
    check_nothing_left(service)
