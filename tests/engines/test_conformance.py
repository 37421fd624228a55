"""What every engine promises, on real processes: one suite for all of them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.api.running import wait_until
from tests.engines.conftest import alive, new_task


def look_until_gone(engine, task, seconds):
    """Look as a supervisor does; what was stopped is not told of."""

    def gone():
        assert engine.ended() == []
        return engine.is_gone(task)

    wait_until(gone, seconds)


@pytest.mark.parametrize("code", [0, 7])
def test_a_task_is_at_work_until_it_ends_and_is_told_of_once(bench, engine, code):
    task = new_task(f"exit{code}")
    engine.start(task)
    assert engine.tasks == {task}
    assert not engine.is_gone(task)
    ended = bench.end_of(engine, task)
    assert ended.exit_code == code
    assert engine.is_gone(task) and not engine.tasks
    time.sleep(1.2)
    assert engine.ended() == []


def test_a_killed_worker_ends_with_its_signal(bench, engine):
    task = new_task("sleep")
    os.kill(bench.at_work(engine, task)["pid"], signal.SIGKILL)
    assert bench.end_of(engine, task).exit_code == -signal.SIGKILL


def test_a_stop_ends_all_that_a_task_started(bench, engine):
    task = new_task("forksleep")
    seen = bench.at_work(engine, task)
    engine.stop(task)
    wait_until(lambda: not alive(seen["pid"]) and not alive(seen["child"]), bench.stop_s)
    look_until_gone(engine, task, bench.stop_s)
    engine.stop(task)  # again does no harm


def test_a_stop_ends_a_task_that_ignores_it(bench, engine):
    task = new_task("deaf")
    seen = bench.at_work(engine, task)
    engine.stop(task)
    wait_until(lambda: not alive(seen["pid"]), bench.stop_s)
    look_until_gone(engine, task, bench.stop_s)


def test_what_a_worker_left_running_ends_with_it(bench, engine):
    task = new_task("forks")
    seen = bench.at_work(engine, task)
    assert bench.end_of(engine, task).exit_code == 0
    wait_until(lambda: not alive(seen["child"]), bench.stop_s)


def test_slots_are_taken_and_given_back(bench, engine):
    tasks = [new_task("sleep"), new_task("sleep")]
    for task in tasks:
        assert engine.has_room("auto")
        engine.start(task)
    assert not engine.has_room("auto")
    engine.stop(tasks[0])
    look_until_gone(engine, tasks[0], bench.stop_s)
    assert engine.has_room("auto")
    assert engine.tasks == {tasks[1]}


def test_nothing_works_on_a_task_that_was_never_started(engine):
    task = new_task("sleep")
    engine.stop(task)
    assert engine.is_gone(task)
    assert task not in engine.tasks


def test_a_worker_has_the_settings_and_sees_no_gpu(bench, engine):
    seen = bench.at_work(engine, new_task("exit0"))["environment"]
    assert seen["FALCON_DATA_DIR"] == str(bench.settings.data_dir.resolve())
    assert seen["FALCON_LEASE_S"] == str(bench.settings.lease_s)
    assert seen["OMP_NUM_THREADS"] == "1"
    assert seen["CUDA_VISIBLE_DEVICES"] == ""


def test_the_next_engine_knows_what_outlived_the_last(bench, engine):
    """Children die with their supervisor, submissions go on: `is_gone` tells the truth of both."""
    task = new_task("sleep")
    seen = bench.at_work(engine, task)
    engine.close()
    after = bench.open()
    assert after.name == engine.name
    wait_until(lambda: alive(seen["pid"]) != after.is_gone(task), bench.stop_s)
    if not after.is_gone(task):
        after.stop(task)
        look_until_gone(after, task, bench.stop_s)
        assert not alive(seen["pid"])
    assert len(bench.reports(task)) == 1
