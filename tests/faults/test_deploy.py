"""A new release takes the place of the old one in the middle of a job."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from falcon_svc.settings import Settings
from falcon_svc.storage import Database
from tests.api.running import wait_until
from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import SLOW, add_dataset, job_of, submit, until_ended, until_stage

pytestmark = pytest.mark.faults
TOO_MANY = {"counts": {"n_fine": 500}}


def test_a_service_that_is_told_to_stop_hands_its_jobs_over(start):
    """It may make one attempt only: a stop is not charged to the job."""
    service = start(max_attempts=1)
    dataset = add_dataset(service)
    job_id, waiting = submit(service, dataset, SLOW), submit(service, dataset, TOO_MANY)
    until_stage(service, job_id, "head")
    assert service.stop() == 0
    assert not service.descendants()
    service.start()
    assert job_of(service, job_id)["state"] in ("queued", "preparing")
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert until_ended(service, waiting)["state"] == "failed"
    check_history(service, [job_id, waiting])
    check_nothing_left(service)


def test_a_release_that_is_too_old_refuses_the_database(tmp_path):
    """One sentence, and the database stays as it is."""
    database = Database(Settings(data_dir=tmp_path).database)
    database.migrate()
    with database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    command = [sys.executable, "-m", "falcon_svc.cli.main", "serve", "--port", "0", "--data-dir"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "newer release" in line


@pytest.mark.long
def test_a_worker_of_its_own_hands_over_to_the_next(start):
    """`falcon worker` on SIGTERM, while the API goes on."""
    from tests.faults.test_freezes import command_of

    service = start("data", "--no-worker", max_attempts=1)
    job_id = submit(service, add_dataset(service), SLOW)
    for stage in ("structure", "head", None):
        worker = command_of(service, "falcon_svc.cli.main", "worker")
        if stage is None:
            assert until_ended(service, job_id)["state"] == "succeeded"
        else:
            until_stage(service, job_id, stage)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        wait_until(lambda: not service.descendants())
    check_history(service, [job_id])
    check_nothing_left(service)
