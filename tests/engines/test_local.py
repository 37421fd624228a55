"""GPUs of one machine: each job that may use one sees its own, and no other job sees it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from falcon_svc.engines import LocalEngine, open_engine
from falcon_svc.engines.gpus import VISIBLE, _count, gpu_names
from falcon_svc.errors import MissingExtraError
from falcon_svc.settings import Settings
from tests.api.running import wait_until
from tests.engines.conftest import PUPPET, Bench, new_task


@pytest.fixture(autouse=True)
def no_gpus_of_this_machine(monkeypatch):
    monkeypatch.delenv(VISIBLE, raising=False)
    _count.cache_clear()
    yield
    _count.cache_clear()


@pytest.fixture
def two_gpus(tmp_path):
    settings = Settings(data_dir=tmp_path, slots=4, gpus=2, worker_nice=0)
    engine = LocalEngine(settings, worker=PUPPET)
    yield engine, Bench(settings, stop_s=1, start_s=30)
    engine.close()


def gpu_of(bench, engine, device):
    task = new_task("sleep", device=device)
    return task, bench.at_work(engine, task)["environment"][VISIBLE]


def test_every_job_has_a_gpu_of_its_own_while_there_are_some(two_gpus):
    engine, bench = two_gpus
    first, gpu = gpu_of(bench, engine, "cuda")
    assert gpu == "0"
    assert gpu_of(bench, engine, "cpu")[1] == ""
    assert gpu_of(bench, engine, "auto")[1] == "1"
    assert not engine.has_room("cuda")  # it waits for one
    assert engine.has_room("auto")  # it does without
    assert gpu_of(bench, engine, "auto")[1] == ""
    engine.stop(first)
    assert engine.has_room("cuda")
    assert gpu_of(bench, engine, "cuda")[1] == "0"


def test_a_gpu_is_free_again_when_its_job_has_ended(two_gpus):
    engine, bench = two_gpus
    tasks = [new_task("exit0", device="cuda") for _ in range(2)]
    for task in tasks:
        engine.start(task)
    assert not engine.has_room("cuda")
    wait_until(lambda: engine.ended() is not None and not engine.tasks)
    assert engine.has_room("cuda")
    assert bench.reports(tasks[1])[0]["environment"][VISIBLE] == "1"


def test_a_job_that_insists_fails_by_itself_where_there_is_no_gpu_at_all(tmp_path):
    """Its worker says so in a sentence; queued, it would wait for ever."""
    engine = LocalEngine(Settings(data_dir=tmp_path, gpus=0))
    assert engine.has_room("cuda")
    assert engine.devices() == {"auto", "cpu"}


@pytest.mark.parametrize(
    ("visible", "gpus", "names"),
    [
        (None, 3, ("0", "1", "2")),
        (None, 0, ()),
        ("2,GPU-8a", None, ("2", "GPU-8a")),
        ("2,5", 1, ("2",)),
        ("", None, ()),
        ("-1", 2, ()),
    ],
)
def test_gpus_are_those_that_this_process_sees(tmp_path, monkeypatch, visible, gpus, names):
    if visible is not None:
        monkeypatch.setenv(VISIBLE, visible)
    assert gpu_names(Settings(data_dir=tmp_path, gpus=gpus)) == names


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("echo 'GPU 0: NVIDIA A (UUID: GPU-1)'; echo 'GPU 1: NVIDIA A (UUID: GPU-2)'", ("0", "1")),
        ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18", ()),
    ],
)
def test_gpus_are_counted_by_the_driver_s_own_tool(tmp_path, monkeypatch, script, names):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert gpu_names(Settings(data_dir=tmp_path)) == names


def test_a_machine_without_that_tool_has_no_gpu(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_names(Settings(data_dir=tmp_path)) == ()


def test_ray_without_its_package_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(MissingExtraError, match=r"FALCON_ENGINE=ray needs .*\[ray\]"):
        open_engine(Settings(data_dir=tmp_path, engine="ray"))


def test_a_node_ends_as_its_worker_ended(tmp_path):
    """Exit codes and signals pass through; what the worker started ends with it."""
    bench = Bench(Settings(data_dir=tmp_path), stop_s=5, start_s=30)
    for what, code in (("exit7", 7), ("forks", 0)):
        task = new_task(what)
        command = [sys.executable, "-m", "falcon_svc.engines.node", PUPPET]
        done = subprocess.run(
            [*command, task.kind, task.id, str(task.number), "cpu"],
            env={**bench.environment(), VISIBLE: "0"},
            timeout=60,
            check=False,
        )
        assert done.returncode == code
        assert bench.reports(task)[0]["environment"][VISIBLE] == ""
