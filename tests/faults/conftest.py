"""Services to do harm to; each test has its own, but for those that only need one at work."""

from __future__ import annotations

import os

import pytest

from tests.api.running import Running
from tests.faults.faults import SITE, faults_json
from tests.faults.jobs import add_dataset, submit, until_ended


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start services that are stopped at the test's end."""
    monkeypatch.setenv("PYTHONPATH", str(SITE), prepend=os.pathsep)
    running: list[Running] = []

    def begin(name: str = "data", *flags: str, faults=(), **settings: object) -> Running:
        # faults strike processes of a job's own: copies of one that stands by have loaded already
        own = {"lease_s": 5, "worker_nice": 0, "warm_worker": "false", **settings}
        if faults:
            own["faults"] = faults_json(list(faults), tmp_path / f"{name}.struck")
        running.append(Running(tmp_path / name, *flags, **own))
        return running[-1]

    yield begin
    for one in running:
        one.stop()


@pytest.fixture
def service(start):
    return start()


@pytest.fixture
def dataset(service):
    return add_dataset(service)


@pytest.fixture(scope="session")
def calm(tmp_path_factory):
    """One service for the tests that leave it whole."""
    running = Running(tmp_path_factory.mktemp("calm") / "data", slots=1, worker_nice=0)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def calm_dataset(calm):
    return add_dataset(calm)


@pytest.fixture(scope="session")
def done(calm, calm_dataset):
    """A job that has succeeded."""
    job_id = submit(calm, calm_dataset)
    assert until_ended(calm, job_id)["state"] == "succeeded"
    return job_id


def pytest_collection_modifyitems(items):
    """Several processes after one another take their time where others want the cores, too."""
    for item in items:
        if item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(900))
