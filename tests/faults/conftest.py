"""Services to do harm to; each test has its own."""

from __future__ import annotations

import pytest

from tests.api.running import Running, npz_bytes

TRAIN = {"counts": {"n_fine": 6}, "train": {"epochs": 30}}


@pytest.fixture
def start(tmp_path):
    """Start services that are stopped at the test's end."""
    running: list[Running] = []

    def begin(name: str = "data", *flags: str, **settings: object) -> Running:
        own = {"lease_s": 3, "worker_nice": 0, **settings}
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


def add_dataset(service, n: int = 200) -> str:
    files = {"file": ("planted.npz", npz_bytes(n))}
    answer = service.http.post("/v1/datasets", files=files)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def submit(service, dataset_id: str, config=None, **headers: str) -> str:
    body = {"dataset_id": dataset_id, "config": config or TRAIN}
    answer = service.http.post("/v1/jobs", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
