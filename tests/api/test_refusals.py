"""Bad requests: each has its status and code, and leaves nothing behind."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tests.api.refusing import JSON, refusal, send
from tests.api.running import cheap, npz_bytes, planted, wait_until

DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.fixture
def http(small_http):
    return small_http


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("../../x.npz", "bad_name", 422),
        ("a/b.npz", "bad_name", 422),
        ("x" * 300 + ".npz", "bad_name", 422),
        ("x" * 5000 + ".npz", "invalid_form", 400),
        ("\u202egnp.npz", "bad_name", 422),
        ("model.pt", "unsupported_format", 415),
        ("model.pkl", "unsupported_format", 415),
        ("noending", "unsupported_format", 415),
    ],
)
def test_names_of_files(http, name, code, status):
    assert refusal(send(http, name)) == (status, code)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"options": "{"}, 400, "invalid_json"),
        ({"options": "[]"}, 422, "invalid_request"),
        ({"options": '{"max_bytes": 1}'}, 422, "unknown_option"),
        ({"metadata": '{"a": 1}'}, 422, "invalid_request"),
        ({"metadata": json.dumps({str(i): "" for i in range(51)})}, 422, "invalid_request"),
        ({"sha256": "0" * 64}, 422, "checksum_mismatch"),
        ({"name": "a\x00b"}, 422, "bad_name"),
    ],
)
def test_fields_of_an_upload(http, fields, status, code):
    assert refusal(send(http, **fields)) == (status, code)


def test_an_empty_file(http):
    assert refusal(send(http, content=b"")) == (422, "empty")


def test_a_file_above_the_limit(http):
    assert refusal(send(http, content=b"x" * 300_000)) == (413, "too_large")


def test_more_than_the_quota(http, small):
    ids = [send(http, content=b"PK\x03\x04" + b"x" * 150_000).json()["id"] for _ in range(2)]
    try:
        answer = send(http, content=b"PK\x03\x04" + b"x" * 150_000)
        assert refusal(answer) == (413, "quota_exceeded")
        begin = {"name": "a.npz", "size_bytes": 390_000}
        assert refusal(http.post("/v1/uploads", json=begin)) == (413, "quota_exceeded")
    finally:
        for one in ids:
            http.delete(f"/v1/datasets/{one}")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b'{"a": 1, "a": 2}', 400, "invalid_json"),
        (b'{"dataset_id": "x", "config": {"seed": NaN}}', 400, "invalid_json"),
        (b'{"dataset_id": "\\ud800"}', 400, "invalid_json"),
        (b'{"dataset_id": "a\\u0000"}', 400, "invalid_json"),
        (b'{"dataset_id": "\xff"}', 400, "invalid_json"),
        (b'\xef\xbb\xbf{"dataset_id": "x"}', 400, "invalid_json"),
        (b'{"dataset_id": ' + b"1" * 9000 + b"}", 400, "invalid_json"),
        (DEEP, 400, "invalid_json"),
        (b"[]", 422, "invalid_request"),
        (b"{}", 422, "invalid_request"),
        (b'{"dataset_id": 5}', 422, "invalid_request"),
        (b'{"dataset_id": "ds_x", "tenant": "other"}', 422, "invalid_request"),
        (b'{"dataset_id": "ds_x", "state": "succeeded"}', 422, "invalid_request"),
        (b'{"dataset_id": "ds_x"}', 404, "not_found"),
        (b'{"dataset_id": "../x"}', 404, "not_found"),
        (b"{" + b" " * 60_000 + b"}", 413, "too_large"),
    ],
)
def test_bodies_of_a_job(small, http, body, status, code):
    with cheap(small):
        answer = http.post("/v1/jobs", content=body, headers=JSON)
    assert refusal(answer) == (status, code)


@pytest.mark.parametrize(
    "config",
    [
        {"nonsense": 1},
        {"train": {"epochs": -1}},
        {"train": {"epochs": 10**9}},
        {"train": {"epochs": True}},
        {"train": {"learning_rate": 1e400}},
        {"train": {"batch_size": 0}},
        {"seed": 2**65},
        {"seed": 1.5},
        {"device": "tpu"},
        {"counts": {"n_fine": 0}},
        {"data": {"max_bytes": 10**12}},
        {"encoder": {"name": "onnx:/etc/passwd"}},
        {"encoder": {"name": "onnx:../x.onnx"}},
    ],
)
def test_settings_of_a_job(http, config):
    body = json.dumps({"dataset_id": "ds_x", "config": config}).replace("Infinity", "1e400")
    status, _ = refusal(http.post("/v1/jobs", content=body, headers=JSON))
    assert status == 422


def test_a_device_that_is_not_there(http):
    body = {"dataset_id": "ds_x", "config": {"device": "cuda"}}
    status = refusal(http.post("/v1/jobs", json=body))
    assert status in ((409, "no_such_device"), (404, "not_found"))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "https://0/",
        "https://2130706433/",
        "http://example.org/",
        "file:///etc/passwd",
        "https://user:pass@example.org/",
        "https://",
        "nonsense",
    ],
)
def test_webhooks_to_private_places(http, url):
    body = {"dataset_id": "ds_x", "webhook": {"url": url}}
    assert refusal(http.post("/v1/jobs", json=body)) == (422, "url_refused")


def test_announced_uploads_count_from_the_start(http):
    def begin(size_bytes):
        body = {"name": "a.npz", "size_bytes": size_bytes}
        return http.post("/v1/uploads", json=body)

    large = begin(390_000)
    assert refusal(begin(20_000)) == (413, "quota_exceeded")
    assert refusal(send(http, content=b"PK" + b"x" * 20_000)) == (413, "quota_exceeded")
    assert http.delete(large.headers["Location"]).status_code == 204
    many = [begin(1) for _ in range(9)]
    assert [one.status_code for one in many] == [201] * 8 + [413]
    for one in many[:8]:
        http.delete(one.headers["Location"])
    assert begin(400_001).status_code == 413
    fits = begin(400_000)
    assert fits.status_code == 201
    http.delete(fits.headers["Location"])


def test_parts_of_an_upload(http):
    data = npz_bytes(60)
    upload = http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": len(data)}).json()
    place = f"/v1/uploads/{upload['id']}"
    octets = {"Content-Type": "application/octet-stream"}
    wrong_type = http.put(f"{place}/parts/1", content=data, headers=JSON)
    assert refusal(wrong_type) == (415, "unsupported_media_type")
    assert refusal(http.put(f"{place}/parts/0", content=b"x", headers=octets))[0] == 422
    too_long = http.put(f"{place}/parts/1", content=data + b"x", headers=octets)
    assert refusal(too_long) == (413, "too_large")
    end = {"sha256": "0" * 64}
    assert refusal(http.post(f"{place}:complete", json=end)) == (409, "incomplete_upload")
    half = len(data) // 2
    assert http.put(f"{place}/parts/2", content=data[half:], headers=octets).status_code == 204
    assert refusal(http.post(f"{place}:complete", json=end)) == (409, "incomplete_upload")
    assert http.put(f"{place}/parts/1", content=data[:half], headers=octets).status_code == 204
    assert http.get(place).json()["received_parts"] == [1, 2]
    assert refusal(http.post(f"{place}:complete", json=end)) == (422, "checksum_mismatch")
    assert http.delete(place).status_code == 204
    assert refusal(http.get(place)) == (404, "not_found")


def test_a_complete_upload_takes_no_part(http):
    from hashlib import sha256

    data = npz_bytes(60)
    upload = http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": len(data)}).json()
    place = f"/v1/uploads/{upload['id']}"
    octets = {"Content-Type": "application/octet-stream"}
    http.put(f"{place}/parts/1", content=data, headers=octets)
    end = {"sha256": sha256(data).hexdigest()}
    made = http.post(f"{place}:complete", json=end).json()
    assert http.post(f"{place}:complete", json=end).json()["id"] == made["id"]
    late = http.put(f"{place}/parts/2", content=b"x", headers=octets)
    assert refusal(late) == (409, "already_finished")
    http.delete(f"/v1/datasets/{made['id']}")


def _npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


X, Y = planted(60)
CANARY = np.array([print], object)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("png.npz", b"\x89PNG\r\n\x1a\n" + b"0" * 100, "wrong_format"),
        ("pickle.npz", _npz(x=CANARY, coarse=Y[:1]), "pickle_refused"),
    ],
)
def test_contents_are_refused_by_the_check(small, name, content, code):
    """The upload is taken, and said to be invalid once a child has looked at it."""
    http = small.http
    made = send(http, name, content)
    assert made.status_code == 201
    place = f"/v1/datasets/{made.json()['id']}"
    found = wait_until(lambda: (d := http.get(place).json())["state"] != "validating" and d, 120)
    assert found["state"] == "invalid", found
    assert found["error"]["code"] == code
    job = http.post("/v1/jobs", json={"dataset_id": found["id"]})
    assert refusal(job) == (409, "dataset_invalid")
    assert http.delete(place).status_code == 204


PREDICT_BODIES = (
    b'{"vectors": ' + DEEP + b"}",
    b'{"vectors": [[' + b"1" * 40_000 + b"]]}",
    b'{"vectors": [[NaN]]}',
    b'{"vectors": [[1e400]]}',
    b'{"vectors": [["\xff"]]}',
    b'{"vectors": [[1]], "coarse": ["\\ud800"]}',
    b'\xef\xbb\xbf{"vectors": [[1]]}',
    b'{"vectors": [[true]]}',
    b'{"vectors": [["1"]]}',
    b'{"vectors": [[1]], "tenant": "other"}',
    b'{"vectors": [[1]], "least_confidence": 2}',
    b"[]",
    b"",
)


def test_vectors_that_a_model_cannot_take(service, http, job):
    place = f"/v1/models/{job['id']}:predict"

    def ask(body, **headers):
        return refusal(service.http.post(place, content=body, headers={**JSON, **headers}))

    assert ask(b'{"vectors": [[1, 2]]}')[0] == 422
    assert ask(b'{"vectors": []}')[0] == 422
    assert ask(b'{"vectors": [[1, 2], [1]]}')[0] == 422
    assert ask(json.dumps({"vectors": [[1e39] * 8]}).encode()) == (422, "non_finite")
    assert ask(json.dumps({"vectors": [[0.0] * 8], "columns": ["a"]}).encode())[0] == 422
    assert ask(json.dumps({"vectors": [[0.0] * 8], "coarse": {"sky": ["a"]}}).encode())[0] == 422
    assert ask(json.dumps({"vectors": [[0.0] * 8], "coarse": []}).encode())[0] == 422
    assert ask(b"x", **{"Content-Type": "text/plain"}) == (415, "unsupported_media_type")
    for body in PREDICT_BODIES:
        status, code = ask(body)
        assert status in (400, 422) and code != "internal", body[:50]
    octets = {"Content-Type": "application/octet-stream"}
    assert ask(b"x", **octets)[0] == 422
    objects = io.BytesIO()
    np.save(objects, CANARY, allow_pickle=True)
    assert ask(objects.getvalue(), **octets) == (422, "pickle_refused")


def test_more_jobs_than_allowed(small):
    """429 with Retry-After; cancelling makes room."""
    data = send(small.http, content=_npz(x=X, coarse=Y)).json()["id"]
    body = {"dataset_id": data, "config": {"train": {"epochs": 10_000}}}
    jobs = [small.http.post("/v1/jobs", json=body).json()["id"] for _ in range(3)]
    full = small.http.post("/v1/jobs", json=body)
    assert refusal(full) == (429, "too_many_jobs")
    assert full.headers["Retry-After"]
    in_use = small.http.delete(f"/v1/datasets/{data}")
    assert refusal(in_use) == (409, "dataset_in_use")
    assert refusal(small.http.delete(f"/v1/jobs/{jobs[2]}")) == (409, "not_finished")
    result = small.http.get(f"/v1/jobs/{jobs[2]}/classes")
    assert refusal(result) == (409, "no_result")
    for one in jobs:
        assert small.http.post(f"/v1/jobs/{one}:cancel").status_code == 202
    wait_until(lambda: all(_state(small, one) == "canceled" for one in jobs))
    assert small.http.delete(f"/v1/datasets/{data}").status_code == 204


def _state(running, job_id):
    return running.http.get(f"/v1/jobs/{job_id}").json()["state"]
