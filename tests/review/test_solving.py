"""`falcon review` as HTTP: solving again."""

from __future__ import annotations

import time

import pytest

from falcon_svc.triage.revisions import ROOT
from tests.review.local import BASE, correct, head


def solved(http, seconds=90):
    deadline = time.monotonic() + seconds
    while (found := http.get(f"{BASE}/resolve").json())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.slow  # three processes that load torch
def test_a_contradiction_is_told_in_the_reviewers_words_and_then_mended(http):
    correct(http, {"kind": "rename", "class_id": "c0", "name": "jay"})
    correct(http, {"kind": "pin", "class_id": "c0", "coarse": "coarse 0"})
    correct(http, {"kind": "forbid", "class_id": "c0", "coarse": "coarse 0"})
    before = head(http)
    assert http.post(f"{BASE}/revisions/{before}:resolve", json={}).status_code == 202
    twice = http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert (twice.status_code, twice.json()["code"]) == (409, "resolve_running")
    found = solved(http)
    assert found["state"] == "failed" and found["error"]["code"] == "contradiction"
    assert len(found["error"]["wishes"]) == 2 and "jay" in str(found["error"]["wishes"])
    assert head(http) == before
    correct(http, {"kind": "undo"})
    stale = http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert stale.status_code == 412 and stale.json()["errors"]
    http.post(f"{BASE}/revisions/{head(http)}:resolve", json={"seed": 1})
    found = solved(http)
    assert found["state"] == "succeeded" and found["revision"] == head(http)
    diff = http.get(f"{BASE}/diff", params={"before": ROOT, "after": head(http)}).json()
    assert diff["n_moved"] >= found["diff"]["n_moved"] or diff["n_moved"] == 0


def test_a_cancelled_solve_changes_nothing(http):
    before = head(http)
    http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert http.post(f"{BASE}/resolve:cancel").json()["state"] == "cancelled"
    assert solved(http)["state"] == "cancelled" and head(http) == before
