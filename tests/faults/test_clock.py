"""Clocks of day that jump: leases and time-outs go by the monotonic clock."""

from __future__ import annotations

import pytest

from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import SLOW, add_dataset, events_of, submit, until_ended, until_stage

pytestmark = pytest.mark.faults
HOUR_S = 3600.0


def test_an_hour_forth_and_two_back_harm_no_job(start, tmp_path, monkeypatch):
    """`tests/service/test_supervisor.py` lets the monotonic clock jump, too."""
    clock = tmp_path / "clock"
    clock.write_text("0")  # jobs see what is there before them
    monkeypatch.setenv("FALCON_CLOCK", str(clock))
    service = start()
    job_id = submit(service, add_dataset(service), SLOW)
    until_stage(service, job_id, "structure")
    clock.write_text(str(HOUR_S))
    until_stage(service, job_id, "head")
    clock.write_text(str(-HOUR_S))
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert job["ended_at"] < job["created_at"] < job["running_at"]  # it did jump
    assert events_of(service, job_id)[-1]["state"] == "succeeded"
    assert service.http.get("/health/ready").status_code == 200
    assert service.http.get(f"/v1/jobs/{job_id}/classes").status_code == 200
    check_history(service, [job_id])
    check_nothing_left(service)
