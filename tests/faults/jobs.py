"""What the tests here do with a service: data sets, jobs, and waiting for them."""

from __future__ import annotations

from tests.api.running import Running, npz_bytes, wait_until

TRAIN = {"counts": {"n_fine": 6}, "train": {"epochs": 30}}
SLOW = {"counts": {"n_fine": 6}, "train": {"epochs": 100}}
"""It can be met while it trains, and ends."""
LONG = {"counts": {"n_fine": 6}, "train": {"epochs": 10_000}}
LONGEST_S = 600.0  # on a machine that does much else
ENDED = ("succeeded", "failed", "canceled")


def add_dataset(service: Running, n: int = 200) -> str:
    files = {"file": ("planted.npz", npz_bytes(n))}
    answer = service.http.post("/v1/datasets", files=files)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def submit(service: Running, dataset_id: str, config=None, **headers: str) -> str:
    body = {"dataset_id": dataset_id, "config": config or TRAIN}
    answer = service.http.post("/v1/jobs", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def job_of(service: Running, job_id: str) -> dict:
    return service.http.get(f"/v1/jobs/{job_id}").json()


def until_state(service: Running, job_id: str, *states: str, every: float = 0.1) -> dict:
    return wait_until(
        lambda: (job := job_of(service, job_id))["state"] in states and job, LONGEST_S, every
    )


def until_stage(service: Running, job_id: str, stage: str) -> None:
    wait_until(lambda: job_of(service, job_id)["stage"] == stage, LONGEST_S)


def until_ended(service: Running, job_id: str) -> dict:
    return until_state(service, job_id, *ENDED, every=0.2)


def events_of(service: Running, job_id: str) -> list[dict]:
    with service.client() as client:
        return list(client.events(job_id))
