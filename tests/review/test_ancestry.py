"""A review that goes on from another, over HTTP: one result alone, and jobs of a service."""

from __future__ import annotations

import io

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.review.desk import Desk
from falcon_svc.triage.revisions import ROOT
from tests.api.conftest import QUICK
from tests.api.running import Running, planted
from tests.review.local import BASE, client_of
from tests.triage.reviews import write_result


def test_a_single_result_has_no_jobs_to_go_on_from(tmp_path):
    write_result(tmp_path / "result")
    http = client_of(tmp_path / "result")
    assert http.get(f"{BASE}/ancestry").json()["earlier"] is None
    body = {"job_id": "job_01k8xgm1c2d3e4f5g6h7j8k9m0"}
    answer = http.post(f"{BASE}/continuations", json=body, headers={"If-Match": f'"{ROOT}"'})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    wanted = {"kind": "continued", "solution": "0" * 64, "summary": "x"}
    answer = http.post(
        f"{BASE}/corrections", json={"corrections": [wanted]}, headers={"If-Match": f'"{ROOT}"'}
    )
    assert answer.status_code == 422 and "/continuations" in answer.json()["detail"]


def test_one_desk_goes_on_from_another(tmp_path):
    write_result(tmp_path / "first")
    write_result(tmp_path / "second")
    first, second = Desk(tmp_path / "first"), Desk(tmp_path / "second")
    wish = {"kind": "rename", "class_id": "c3", "name": "jay"}
    first.submit([wish], author="Ada", expected=ROOT, reason="")
    second.continue_from(first, keep_classes=True, author="Bo", expected=ROOT, reason="again")
    assert b'"jay"' in second.state() and b'"n_known": 84' in second.ancestry()
    first.submit([{"kind": "undo"}], author="Ada", expected=first.head, reason="")
    assert b'"jay"' in second.state()  # the earlier review is not needed any more
    assert second.diff(ROOT, second.head)["n_moved"] == 0


@pytest.mark.slow
def test_jobs_of_a_service_go_on(tmp_path):
    service = Running(tmp_path / "service", slots=1, worker_nice=0)
    try:
        with service.client() as client:
            jobs = [_discovered(client, tmp_path, n) for n in (300, 400)]
            first, second = map(client.review, jobs)
            first.correct({"kind": "rename", "class_id": "c0", "name": "jay"})
            second.continue_from(jobs[0], reason="more of them")
            found = second.ancestry()
            assert (found["n_known"], found["n_new"]) == (300, 100)
            assert "jay" in {one["name"] for one in second.state()["classes"]}
            with pytest.raises(ServiceError, match="corrections already"):
                second.continue_from(jobs[0])
            with pytest.raises(ServiceError) as refused:
                first.continue_from("job_" + "0" * 26)
            assert refused.value.status == 404
    finally:
        service.kill()


def _discovered(client, folder, n):
    x, coarse = (part[:n] for part in planted(400))
    data = io.BytesIO()
    np.savez(data, x=x, coarse=coarse, ids=np.array([f"s{i}" for i in range(n)]))
    path = folder / f"{n}.npz"
    path.write_bytes(data.getvalue())
    job = client.submit(client.upload(path)["id"], QUICK)
    return client.wait(job["id"])["id"]
