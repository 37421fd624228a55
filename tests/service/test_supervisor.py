"""The supervisor's judgement: silence, clocks that jump, stops that no job is charged for."""

from __future__ import annotations

import os

import pytest

from falcon_svc.engines import LocalEngine, Task
from falcon_svc.errors import ConfigError
from falcon_svc.service.housekeeping import Stop
from falcon_svc.service.supervise import _loop, _take_lock
from falcon_svc.service.supervisor import Supervisor
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.jobs import JobRepository
from tests.storage.records import KEEP_S, add_job, claimed, do, job_of

PUPPET = "tests.engines.puppet"
STEP_S = 1.0


class Clock:
    """Monotonic seconds that tests move."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path, lease_s=6 * STEP_S, start_s=20.0, worker_nice=0)


@pytest.fixture
def database(settings):
    made = Database(settings.database)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def supervisor(settings, database, clock):
    engines = (LocalEngine(settings, worker=PUPPET), LocalEngine(settings, worker=PUPPET))
    store = ArtifactStore(settings.artifacts, settings.data_dir / "cache")
    made = Supervisor(settings, database, store, *engines, clock=clock)
    yield made
    made.close()


def elsewhere(database) -> str:
    """Return a job at work under another supervisor."""
    job_id = add_job(database)
    claimed(database, "elsewhere")
    do(database, "run", job_id, 1)
    return job_id


def steps(supervisor, clock, n, each_s=STEP_S):
    for _ in range(n):
        clock.now += each_s
        supervisor.step()


def attempt_of(database, job_id):
    return job_of(database, job_id).attempt


def test_an_attempt_that_is_heard_is_left_alone(supervisor, database, clock):
    job_id = elsewhere(database)
    for _ in range(40):
        do(database, "beat", job_id, 1)
        steps(supervisor, clock, 1)
    assert attempt_of(database, job_id) == 1


def test_an_attempt_that_falls_silent_is_given_up_after_its_lease(supervisor, database, clock):
    job_id = elsewhere(database)
    do(database, "beat", job_id, 1)
    steps(supervisor, clock, 7)
    assert attempt_of(database, job_id) == 1
    steps(supervisor, clock, 7)
    assert attempt_of(database, job_id) == 2
    assert Task("job", job_id, 2) in supervisor.engine.tasks


def test_an_attempt_that_is_preparing_has_time_to_load(supervisor, database, clock):
    job_id = add_job(database)
    claimed(database, "elsewhere")
    steps(supervisor, clock, 20)
    assert attempt_of(database, job_id) == 1
    steps(supervisor, clock, 5)
    assert attempt_of(database, job_id) == 2


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_jump_of_the_clock_is_no_silence(supervisor, database, clock, jump_s):
    """So it is after a stop of this process, or while the database was away."""
    job_id = elsewhere(database)
    do(database, "beat", job_id, 1)
    steps(supervisor, clock, 3)
    clock.now += jump_s
    steps(supervisor, clock, 2)
    do(database, "beat", job_id, 1)
    steps(supervisor, clock, 2)
    assert attempt_of(database, job_id) == 1


def test_a_job_is_not_charged_for_a_supervisor_that_is_stopped(supervisor, settings, database):
    job_id = add_job(database)
    for number in range(1, 2 * settings.max_attempts):
        supervisor.step()
        assert (job_of(database, job_id).state, attempt_of(database, job_id)) == (
            "preparing",
            number,
        )
        supervisor.close()
        assert not supervisor.engine.tasks
        assert job_of(database, job_id).state == "queued"
    with database.read() as session:
        assert set(JobRepository(session).outcomes(job_id)) == {"released"}


def test_a_job_that_was_to_be_canceled_is_so_when_its_supervisor_stops(supervisor, database):
    job_id = add_job(database)
    supervisor.step()
    do(database, "cancel", job_id, keep_s=KEEP_S)
    supervisor.close()
    assert job_of(database, job_id).state == "canceled"


def test_a_supervisor_whose_lock_was_removed_stops(supervisor, settings):
    lock = _take_lock(settings)
    (settings.data_dir / "supervisor.lock").unlink()
    with pytest.raises(ConfigError, match="lock"):
        _loop(supervisor, lock, Stop(), None)
    other = _take_lock(settings)
    with pytest.raises(ConfigError, match="lock"):
        _loop(supervisor, lock, Stop(), None)
    for descriptor in (lock, other):
        os.close(descriptor)
