"""`falcon review` as HTTP: a client that has entered, and what tests ask of it."""

from __future__ import annotations

from starlette.testclient import TestClient

from falcon_svc.api.local_review import create_review_app
from falcon_svc.review.desk import Desk

SHAPE = {"n_coarse": 3, "n_fine": 9, "per_fine": 20}
JPEG = b"\xff\xd8\xff"
BASE = "/v1/jobs/local/review"
HOSTILE = "<img src=x onerror=alert(1)>"


def client_of(directory, **given):
    app = create_review_app(Desk(directory, **given), author="ada", token="good")
    client = TestClient(app, "http://127.0.0.1:8000")
    assert client.get("/?token=good", follow_redirects=False).status_code == 303
    return client


def head(http):
    return http.get(BASE).json()["head"]


def correct(http, *corrections, revision=None, **more):
    headers = {"If-Match": f'"{revision or head(http)}"'}
    body = {"corrections": list(corrections), **more}
    return http.post(f"{BASE}/corrections", json=body, headers=headers)


def classes(http):
    return {one["id"]: one for one in http.get(BASE).json()["classes"]}


def ids_of(http, class_id):
    found = http.get(f"{BASE}/classes/{class_id}/samples", params={"order": "all", "limit": 500})
    return [one["id"] for one in found.json()["samples"]]
