"""A result that goes while its review is open: clear answers, and nothing is made anew."""

from __future__ import annotations

import sqlite3

import pytest

from falcon_svc.client import ServiceError
from tests.api.conftest import QUICK
from tests.api.running import Running, npz_bytes


def refused(status, call):
    with pytest.raises(ServiceError) as error:
        call()
    assert error.value.status == status, error.value
    assert error.value.document["detail"].endswith(".")
    return error.value.document["code"]


@pytest.mark.slow
def test_a_result_that_expires_or_is_deleted_while_it_is_open(tmp_path):
    (tmp_path / "birds.npz").write_bytes(npz_bytes(120))
    service = Running(tmp_path / "service", slots=1, worker_nice=0)
    try:
        with service.client() as client:
            dataset = client.upload(tmp_path / "birds.npz")["id"]
            job = client.wait(client.submit(dataset, QUICK)["id"])["id"]
            review = client.review(job)
            review.correct({"kind": "rename", "class_id": "c0", "name": "jay"})
            following = review.events()
            assert next(following)["head"] == review.head
            _expire(service.folder, job)
            wish = {"kind": "accept", "class_id": "c0"}
            for call in (review.state, review.map, lambda: review.correct(wish), review.resolve):
                assert refused(410, call) == "expired"
            client.delete_job(job)
            for call in (review.state, lambda: review.correct(wish)):
                assert refused(404, call) == "not_found"
            assert not (tmp_path / "service" / "reviews" / job).exists()
        assert "Traceback" not in service.log.read_text()
    finally:
        service.kill()


def _expire(folder, job):
    """What housekeeping does once a result's time is over."""
    path = folder / "falcon.db"
    with sqlite3.connect(path, timeout=30) as database:
        database.execute(
            "UPDATE jobs SET state = 'expired', result_key = NULL WHERE id = ?", [job]
        )
