"""What refusals look like, what is sent to provoke them, and what may be left behind: nothing."""

from __future__ import annotations

from tests.api.running import npz_bytes

JSON_TYPE = "application/json"
JSON = {"Content-Type": JSON_TYPE}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def left_in(running):
    staged = sorted(path.name for path in (running.folder / "staging").rglob("*"))
    files = (running.folder / "artifacts").rglob("*")
    stored = sorted(path.name for path in files if path.is_file())
    listed = [one["id"] for one in running.http.get("/v1/datasets").json()["items"]]
    jobs = [one["id"] for one in running.http.get("/v1/jobs").json()["items"]]
    return staged, stored, listed, jobs


def refusal(answer):
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert document["detail"].strip().endswith(".")
    return answer.status_code, document["code"]


def send(http, file_name="a.npz", content=None, **fields):
    content = npz_bytes(60) if content is None else content
    return http.post("/v1/datasets", files={"file": (file_name, content)}, data=fields)
