"""Bad requests: each has its status and code, and leaves nothing behind."""

from __future__ import annotations

import gzip
import io
import json
import socket

import numpy as np
import pytest

from tests.api.running import Running, npz_bytes, planted, wait_until

DEEP = b"[" * 10_000 + b"]" * 10_000
JSON_TYPE = "application/json"
JSON = {"Content-Type": JSON_TYPE}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A service that takes little, and no worker that would change anything."""
    running = Running(
        tmp_path_factory.mktemp("small") / "data",
        max_upload_bytes=200_000,
        max_json_bytes=50_000,
        max_dataset_bytes=400_000,
        max_queued_jobs=3,
    )
    yield running
    running.stop()


@pytest.fixture
def http(small):
    before = _left(small)
    yield small.http
    assert _left(small) == before, "something was left behind"


def _left(running):
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


def test_a_chunked_body_is_cut_at_the_limit(http):
    def pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
        for _ in range(400):
            yield b"x" * 1000
        yield b"\r\n--b--\r\n"

    answer = http.post("/v1/datasets", content=pieces(), headers=FORM)
    assert refusal(answer) == (413, "too_large")


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


def test_a_form_of_ten_thousand_parts_is_refused_at_once(http):
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    answer = http.post("/v1/datasets", content=part * 3000 + b"--b--\r\n", headers=FORM)
    assert refusal(answer) == (400, "invalid_form")
    assert answer.elapsed.total_seconds() < 1


def _form(name="file", file_name="a.npz", end=b"--b--\r\n", content=b"x" * 100):
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n\r\n'
    return head.encode() + content + b"\r\n" + end


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "incomplete"),
        (b"--b--\r\n", "invalid_request"),
        (b"x" * 150_000, "invalid_form"),
        (_form()[:80], "incomplete"),
        (_form(end=b""), "incomplete"),
        (
            _form(end=b'--b\r\nContent-Disposition: form-data; name="options"\r\n\r\n{'),
            "incomplete",
        ),
        (_form("other"), "invalid_request"),
        (_form(end=_form()), "invalid_request"),
        (_form(end=_form("tenant")), "invalid_request"),
        (b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\n--b--", "invalid_form"),
        (b"--b\r\n" + b"X: y\r\n" * 20_000 + b"\r\n--b--", "invalid_form"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "invalid_form"),
        (_form(file_name="a\\r\\nb.npz"), "bad_name"),
    ],
)
def test_broken_forms(http, body, code):
    answer = http.post("/v1/datasets", content=body, headers=FORM)
    status, found = refusal(answer)
    assert (status, found) == (422 if code in ("bad_name", "invalid_request") else 400, code)
    assert answer.elapsed.total_seconds() < 1


@pytest.mark.parametrize("charset", ["punycode", "idna", '"utf-16"'])
def test_charsets_that_take_long_to_decode(http, charset):
    """A megabyte of punycode takes half a minute to decode."""
    kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    field = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * 150_000
    answer = http.post("/v1/datasets", content=field + b"\r\n--b--\r\n", headers=kind)
    assert refusal(answer) == (400, "invalid_form")
    assert answer.elapsed.total_seconds() < 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", JSON_TYPE])
@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/discover"])
def test_files_come_as_forms(http, path, kind):
    answer = http.post(path, content=b"{}", headers={"Content-Type": kind})
    assert refusal(answer) == (415, "unsupported_media_type")


def test_compressed_bodies(http):
    headers = {**JSON, "Content-Encoding": "gzip"}
    answer = http.post("/v1/jobs", content=gzip.compress(b"{}"), headers=headers)
    assert refusal(answer) == (415, "unsupported_encoding")


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
def test_bodies_of_a_job(http, body, status, code):
    answer = http.post("/v1/jobs", content=body, headers=JSON)
    assert refusal(answer) == (status, code)
    assert answer.elapsed.total_seconds() < 1


def test_a_job_without_a_content_type(http):
    answer = http.post("/v1/jobs", content=b'{"dataset_id": "x"}')
    assert refusal(answer) == (415, "unsupported_media_type")


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


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/..%2fx",
        "/v1/jobs/%252e%252e",
        "/v1/jobs/JOB_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/v1/jobs/" + "a" * 10_000,
        "/v1/jobs/job_00000000000000000000000000",
        "/v1/datasets/ds_00000000000000000000000000",
        "/v1/batches/batch_00000000000000000000000000",
        "/v1/uploads/up_00000000000000000000000000",
        "/v1/jobs/job_00000000000000000000000000/classes",
        "/v1/jobs/job_00000000000000000000000000/report",
        "/v1/nothing",
    ],
)
def test_what_is_not_there(http, path):
    answer = http.get(path)
    if "%2f" in path:  # decoded to another path, which is not there either
        assert answer.status_code == 404
    else:
        assert refusal(answer) == (404, "not_found")


def test_methods_and_pages(http):
    assert refusal(http.request("TRACE", "/v1/jobs"))[0] == 405
    assert refusal(http.get("/v1/jobs", params={"page_token": "x.y"})) == (400, "bad_page_token")
    assert refusal(http.get("/v1/jobs", params={"page_size": 0}))[0] == 422
    assert refusal(http.get("/v1/jobs", params={"state": "none"}))[0] == 422


def test_hosts_and_origins_of_others(http):
    bad = http.get("/v1/jobs", headers={"Host": "rebound.example"})
    assert refusal(bad) == (403, "bad_host")
    cross = http.post("/v1/jobs", json={}, headers={"Origin": "https://evil.example"})
    assert refusal(cross) == (403, "cross_origin")


def test_two_lengths_of_one_body(small):
    """A request that could be read in two ways is no request."""
    with socket.create_connection(("127.0.0.1", small.port), timeout=5) as raw:
        raw.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/jobs HTTP/1.1\r\n\r\n"
        )
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


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
    found = wait_until(lambda: (d := http.get(place).json())["state"] != "validating" and d)
    assert found["state"] == "invalid", found
    assert found["error"]["code"] == code
    job = http.post("/v1/jobs", json={"dataset_id": found["id"]})
    assert refusal(job) == (409, "dataset_invalid")
    assert http.delete(place).status_code == 204


def test_vectors_that_a_model_cannot_take(service, http, job):
    place = f"/v1/models/{job['id']}:predict"

    def ask(body, **headers):
        return refusal(service.http.post(place, content=body, headers={**JSON, **headers}))

    assert ask(b'{"vectors": [[1, 2]]}')[0] == 422
    assert ask(b'{"vectors": []}')[0] == 422
    assert ask(b'{"vectors": [[1, 2], [1]]}')[0] == 422
    assert ask(json.dumps({"vectors": [[1e39] * 8]}).encode()) == (422, "non_finite")
    assert ask(json.dumps({"vectors": [[0.0] * 8], "coarse": ["sky"]}).encode())[0] == 422
    assert ask(json.dumps({"vectors": [[0.0] * 8], "coarse": []}).encode())[0] == 422
    assert ask(b"x", **{"Content-Type": "text/plain"}) == (415, "unsupported_media_type")
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
