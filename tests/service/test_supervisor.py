"""The supervisor's judgement: silence, clocks that jump, stops that no job is charged for."""

from __future__ import annotations

import os
import signal
import time
from typing import ClassVar

import pytest

from falcon_svc.engines import Ended, LocalEngine, Task
from falcon_svc.errors import ConfigError, FalconError
from falcon_svc.service.operations import supervise
from falcon_svc.service.operations.housekeeping import Stop
from falcon_svc.service.operations.pulse import beat
from falcon_svc.service.operations.supervise import TAKEN, Companion, _loop, take_lock
from falcon_svc.service.operations.supervisor import Supervisor
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository
from tests.storage.records import KEEP_S, add_dataset, add_job, claimed, do, job_of

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
    lock = take_lock(settings)
    (settings.data_dir / "supervisor.lock").unlink()
    with pytest.raises(ConfigError, match="lock"):
        _loop(supervisor, lock, Stop(), None)
    other = take_lock(settings)
    with pytest.raises(ConfigError, match="lock"):
        _loop(supervisor, lock, Stop(), None)
    for descriptor in (lock, other):
        os.close(descriptor)


def test_the_next_supervisor_keeps_what_its_engine_still_has(supervisor, settings, database):
    """As on a cluster, where jobs outlive the supervisor: what is at work goes on."""
    job_id = add_job(database)
    supervisor.step()
    after = Supervisor(
        settings, database, supervisor.artifacts, supervisor.engine, supervisor.checks
    )
    after.step()
    assert (job_of(database, job_id).state, attempt_of(database, job_id)) == ("preparing", 1)
    assert after.engine.tasks == {Task("job", job_id, 1)}


def test_the_next_supervisor_gives_up_what_its_engine_has_not(supervisor, settings, database):
    job_id = add_job(database)
    supervisor.step()
    engine = LocalEngine(settings, worker=PUPPET)
    after = Supervisor(settings, database, supervisor.artifacts, engine, supervisor.checks)
    after.step()
    assert attempt_of(database, job_id) == 2
    after.close()


def add_job_for(device, database) -> str:
    dataset_id = add_dataset(database).id
    return str(do(database, "add", "a", dataset_id, {"device": device}, {}).id)


class Full(LocalEngine):
    """A cluster that never has room for what it took."""

    def ended(self):
        tasks = list(self.tasks)
        self.close()
        return [Ended(task, None, began=False) for task in tasks]


@pytest.mark.parametrize(("device", "state"), [("auto", "queued"), ("cuda", "failed")])
def test_an_attempt_that_found_no_room_is_no_try(settings, database, supervisor, device, state):
    """It goes back to the queue, unless what it asks for can never be had."""
    job_id = add_job_for(device, database)
    settings = settings.model_copy(update={"max_attempts": 1, "gpus": 0})
    full = Full(settings, worker=PUPPET)
    made = Supervisor(settings, database, supervisor.artifacts, full, supervisor.checks)
    made.step()
    for ended in full.ended():
        made._after(ended)
    job = job_of(database, job_id)
    assert (job.state, job.attempt) == (state, 1)
    assert (job.error or {}).get("code") == (None if state == "queued" else "no_such_device")


def test_jobs_that_insist_on_a_gpu_wait_and_let_others_pass(database, settings, supervisor):
    first, second, third = (add_job_for(d, database) for d in ("cuda", "cuda", "auto"))
    engine = LocalEngine(settings.model_copy(update={"gpus": 1, "slots": 3}), worker=PUPPET)
    made = Supervisor(settings, database, supervisor.artifacts, engine, supervisor.checks)
    made.step()
    states = [job_of(database, job_id).state for job_id in (first, second, third)]
    assert states == ["preparing", "queued", "preparing"]
    do(database, "cancel", first, keep_s=KEEP_S)
    made.step()
    assert job_of(database, first).state == "canceled"
    assert job_of(database, second).state == "preparing"
    made.close()


def test_a_job_whose_process_is_killed_for_lack_of_memory_has_one_more_try(supervisor, database):
    job_id = add_job(database)
    for number in (1, 2):
        supervisor.step()
        supervisor.engine.stop(Task("job", job_id, number))
        supervisor._after(Ended(Task("job", job_id, number), -9, out_of_memory=True))
    job = job_of(database, job_id)
    assert (job.state, job.error["code"], job.attempt) == ("failed", "out_of_memory", 2)


def test_a_check_that_dies_is_made_again_a_few_times(supervisor, settings, database):
    """Only then the file has the blame."""
    dataset = add_dataset(database, checked=False)
    for number in range(settings.max_attempts):
        with database.read() as session:
            assert DatasetRepository(session).get(dataset.id).state == "validating", number
        supervisor.step()
        (child,) = supervisor.checks._children.values()
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for ended in supervisor.checks.ended():
            supervisor._checked(ended)
    with database.read() as session:
        found = DatasetRepository(session).get(dataset.id)
    assert (found.state, found.error["code"]) == ("invalid", "unreadable")


def test_what_goes_wrong_with_one_job_leaves_the_others_alone(supervisor, database, monkeypatch):
    """Cleaning up after the first fails each time; the second is started nevertheless."""
    gone, waiting = elsewhere(database), add_job(database)
    real = Supervisor._look_at

    def look_at(self, job, attempt, passed_s):
        if job.id == gone:
            raise ValueError("an odd row")
        real(self, job, attempt, passed_s)

    monkeypatch.setattr(Supervisor, "_look_at", look_at)
    supervisor.step()
    assert Task("job", waiting, 1) in supervisor.engine.tasks
    assert supervisor.vitals.failures == {"supervisor": 1}


def test_a_job_that_cannot_be_started_does_not_hold_up_the_next(supervisor, database, monkeypatch):
    bad = add_job(database)
    real = supervisor.engine.start

    def start(task):
        if task.id == bad:
            raise OSError("no more processes")
        real(task)

    monkeypatch.setattr(supervisor.engine, "start", start)
    good = add_job(database)
    supervisor.step()
    assert Task("job", good, 1) in supervisor.engine.tasks
    supervisor.step()
    assert (job_of(database, bad).state, attempt_of(database, bad)) == ("queued", 1)


def test_a_supervisor_with_a_dead_loop_ends(supervisor, settings):
    lock = take_lock(settings)
    supervisor.vitals.died("webhooks", "it returned")
    with pytest.raises(FalconError, match="webhooks"):
        _loop(supervisor, lock, Stop(), None)
    os.close(lock)


class Child:
    """A supervisor that ends with a code."""

    codes: ClassVar[list[int]] = []

    def __init__(self, *_: object, **__: object) -> None:
        self.code = self.codes.pop(0)

    def wait(self):
        return self.code


def test_a_companion_ends_its_process_where_another_supervisor_is_at_work(settings, monkeypatch):
    monkeypatch.setattr(supervise.subprocess, "Popen", Child)
    monkeypatch.setattr(supervise, "AGAIN_S", 0.0)
    monkeypatch.setattr(Child, "codes", [2, 1, TAKEN])
    ended = []
    vitals = Vitals(end=lambda: ended.append(True))
    companion = Companion(settings, {}, vitals)
    companion._keep()
    assert (companion.restarts, ended, Child.codes) == (2, [True], [])
    with pytest.raises(FalconError, match="another supervisor is at work"):
        vitals.check()


def test_a_companion_is_at_work_from_the_first_step_of_its_own_supervisor(settings, monkeypatch):
    os.close(take_lock(settings))
    beat(settings)  # an earlier one's
    monkeypatch.setattr(supervise.subprocess, "Popen", Child)
    monkeypatch.setattr(Child, "codes", [0])
    companion = Companion(settings, {}, Vitals())
    companion._run()
    with pytest.raises(ConfigError) as refused:
        companion.check()
    assert refused.value.code == "not_at_work"
    at = time.time() + 1
    os.utime(settings.data_dir / "supervisor.lock", (at, at))
    companion.check()


def count_looks(supervisor, monkeypatch):
    looks, read = [], supervisor.database.read
    monkeypatch.setattr(supervisor.database, "read", lambda: looks.append(1) or read())
    return looks


def test_where_nothing_happens_the_record_is_asked_once_a_second(
    supervisor, database, clock, monkeypatch
):
    steps(supervisor, clock, 3, each_s=0.1)
    looks = count_looks(supervisor, monkeypatch)
    steps(supervisor, clock, 6, each_s=0.1)
    assert not looks
    steps(supervisor, clock, 6, each_s=0.1)
    assert looks


def test_what_comes_in_is_started_at_the_next_step(supervisor, database, clock):
    steps(supervisor, clock, 3, each_s=0.1)
    job_id = add_job(database)
    steps(supervisor, clock, 1, each_s=0.1)
    assert Task("job", job_id, 1) in supervisor.engine.tasks


def test_what_waits_for_room_is_started_at_the_first_step_that_has_some(
    supervisor, database, clock, monkeypatch
):
    monkeypatch.setattr(supervisor.engine, "has_room", lambda device: False)
    job_id = add_job(database)
    steps(supervisor, clock, 3, each_s=0.1)
    monkeypatch.undo()
    steps(supervisor, clock, 1, each_s=0.1)
    assert Task("job", job_id, 1) in supervisor.engine.tasks
