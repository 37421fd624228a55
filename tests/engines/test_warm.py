"""Copies of a process that stands by: at once, limited, and gone with their supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcon_svc.engines import LocalEngine, StandBy
from falcon_svc.engines.base import THREADS
from falcon_svc.engines.priority import set_nice
from falcon_svc.settings import Settings
from tests.api.running import wait_until
from tests.engines.conftest import PUPPET, Bench, alive, new_task

psutil = pytest.importorskip("psutil")
SERVER = "tests.engines.lukewarm"


@pytest.fixture(scope="module")
def stand_by():
    """A process that stands by and has loaded next to nothing."""
    made = StandBy(SERVER)
    made.start()
    wait_until(made.is_ready)
    yield made
    made.close()


@pytest.fixture
def bench(tmp_path):
    return Bench(Settings(data_dir=tmp_path, slots=3, worker_nice=3), stop_s=2, start_s=20)


@pytest.fixture
def engine(bench, stand_by):
    made = LocalEngine(bench.settings, worker=PUPPET, stand_by=stand_by)
    yield made
    made.close()


def test_a_copy_does_its_task_as_a_process_of_its_own_would(bench, engine):
    """It leads a session, has the settings, and says in `ps` what it works on."""
    task = new_task("sleep")
    report = bench.at_work(engine, task)
    process = psutil.Process(report["pid"])
    assert os.getsid(process.pid) == process.pid
    assert " ".join(process.cmdline()).split()[1:5] == ["-m", PUPPET, "job", task.id]
    assert report["environment"]["FALCON_DATA_DIR"] == str(bench.settings.data_dir)
    assert {report["environment"].get(name) for name in THREADS[:1]} == {"1"}
    assert process.ppid() != os.getpid()  # it is a copy
    engine.stop(task)
    assert engine.is_gone(task) and not alive(process.pid)


@pytest.mark.parametrize(("what", "code"), [("exit7", 7), ("exit0", 0)])
def test_its_exit_code_is_told(bench, engine, what, code):
    task = new_task(what)
    engine.start(task)
    assert bench.end_of(engine, task).exit_code == code


def test_a_copy_that_is_killed_is_told_with_its_signal(bench, engine):
    task = new_task("sleep")
    os.kill(bench.at_work(engine, task)["pid"], signal.SIGKILL)
    assert bench.end_of(engine, task).exit_code == -signal.SIGKILL


def test_what_it_started_ends_with_it(bench, engine):
    task = new_task("forksleep")
    report = bench.at_work(engine, task)
    engine.stop(task)
    wait_until(lambda: not alive(report["child"]), 5)


def test_a_task_with_a_gpu_is_a_process_of_its_own(bench, stand_by):
    settings = bench.settings.model_copy(update={"gpus": 1})
    engine = LocalEngine(settings, worker=PUPPET, stand_by=stand_by)
    task = new_task("sleep", device="cuda")
    report = bench.at_work(engine, task)
    assert psutil.Process(report["pid"]).ppid() == os.getpid()
    engine.close()


def test_while_none_stands_by_tasks_start_as_processes_of_their_own(bench):
    engine = LocalEngine(bench.settings, worker=PUPPET, stand_by=StandBy())
    report = bench.at_work(engine, new_task("sleep"))
    assert psutil.Process(report["pid"]).ppid() == os.getpid()
    engine.close()


def test_jobs_wait_while_it_loads_and_checks_do_not(bench):
    loading = StandBy(SERVER)
    jobs = LocalEngine(bench.settings, worker=PUPPET, stand_by=loading, patient=True)
    checks = LocalEngine(bench.settings, worker=PUPPET, stand_by=loading)
    assert jobs.has_room("auto")  # it was never asked to load
    loading._loading.set()
    assert (jobs.has_room("auto"), checks.has_room("cpu")) == (False, True)
    loading._loading.clear()  # it has loaded, or failed to
    assert jobs.has_room("auto")


def test_one_that_died_is_followed_by_another(bench, engine, stand_by):
    task = new_task("sleep")
    server = psutil.Process(bench.at_work(engine, task)["pid"]).ppid()
    os.kill(server, signal.SIGKILL)
    assert bench.end_of(engine, task).exit_code not in (0, None)  # and its copies with it
    wait_until(lambda: not stand_by.is_ready(), 10)
    wait_until(stand_by.is_ready)
    after = bench.at_work(engine, new_task("sleep"))
    assert psutil.Process(after["pid"]).ppid() not in (server, os.getpid())


SUPERVISOR = f"""
import sys, time
from pathlib import Path
from falcon_svc.engines import LocalEngine, StandBy, Task
from falcon_svc.settings import Settings
if __name__ == "__main__":
    stand_by = StandBy({SERVER!r})
    stand_by.start()
    while not stand_by.is_ready():
        time.sleep(0.01)
    engine = LocalEngine(Settings(), worker={PUPPET!r}, stand_by=stand_by)
    engine.start(Task("job", "sleep_x", 1))
    time.sleep(600)
"""


def test_copies_die_with_a_supervisor_that_is_killed(bench, tmp_path):
    script = tmp_path / "supervisor.py"
    script.write_text(SUPERVISOR)
    root = str(Path(__file__).parents[2])
    environment = {**bench.environment(), "PYTHONPATH": root}
    process = subprocess.Popen([sys.executable, str(script)], env=environment)
    path = tmp_path / "sleep_x-1.jsonl"
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 3
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(child.pid) for child in children), 10)


def test_children_step_back_while_they_are_asked_to(bench, engine):
    pid = bench.at_work(engine, new_task("sleep"))["pid"]
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert psutil.Process(pid).nice() == own
    engine.make_way(needed=True)
    assert psutil.Process(pid).nice() == min(own + 3, 19)
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():  # this kernel shares the processor out among sessions first
        assert session.read_text().strip().endswith(f"nice {min(own + 3, 19)}")
    engine.make_way(needed=False)
    privileged = os.geteuid() == 0
    assert psutil.Process(pid).nice() == (own if privileged else min(own + 3, 19))


def test_nobody_steps_back_for_a_session_that_is_not_there():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    before = psutil.Process(child.pid).nice()
    assert not set_nice(child.pid, 5)  # it leads none
    assert psutil.Process(child.pid).nice() == before
    child.kill()
    child.wait()
    time.sleep(0)
    assert not set_nice(child.pid, 5)
