"""Requests that are broken below their content: forms, lengths, encodings, hosts, paths."""

from __future__ import annotations

import gzip
import socket

import pytest

from tests.api.refusing import FORM, JSON, JSON_TYPE, refusal
from tests.api.running import cheap, wait_until


@pytest.fixture
def http(small_http):
    return small_http


def test_a_chunked_body_is_cut_at_the_limit(http):
    def pieces():
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
        for _ in range(400):
            yield b"x" * 1000
        yield b"\r\n--b--\r\n"

    answer = http.post("/v1/datasets", content=pieces(), headers=FORM)
    assert refusal(answer) == (413, "too_large")


def test_a_form_of_ten_thousand_parts_costs_next_to_nothing(small, http):
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    with cheap(small):
        answer = http.post("/v1/datasets", content=part * 3000 + b"--b--\r\n", headers=FORM)
    assert refusal(answer) == (400, "invalid_form")


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
        (_form(file_name="a\x01b.npz"), "bad_name"),
    ],
)
def test_broken_forms(small, http, body, code):
    with cheap(small):
        answer = http.post("/v1/datasets", content=body, headers=FORM)
    status, found = refusal(answer)
    assert (status, found) == (422 if code in ("bad_name", "invalid_request") else 400, code)


@pytest.mark.parametrize("charset", ["punycode", "idna", '"utf-16"'])
def test_charsets_that_take_long_to_decode(small, http, charset):
    """A megabyte of punycode takes half a minute to decode."""
    kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
    field = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n' + b"a" * 150_000
    with cheap(small):
        answer = http.post("/v1/datasets", content=field + b"\r\n--b--\r\n", headers=kind)
    assert refusal(answer) == (400, "invalid_form")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", JSON_TYPE])
@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/discover"])
def test_files_come_as_forms(http, path, kind):
    answer = http.post(path, content=b"{}", headers={"Content-Type": kind})
    assert refusal(answer) == (415, "unsupported_media_type")


def test_compressed_bodies(http):
    headers = {**JSON, "Content-Encoding": "gzip"}
    answer = http.post("/v1/jobs", content=gzip.compress(b"{}"), headers=headers)
    assert refusal(answer) == (415, "unsupported_encoding")


def test_a_job_without_a_content_type(http):
    answer = http.post("/v1/jobs", content=b'{"dataset_id": "x"}')
    assert refusal(answer) == (415, "unsupported_media_type")


def exchange(running, request, *, end=False):
    """What comes back for these bytes until the service hangs up."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=10) as raw:
        raw.sendall(request)
        if end:
            raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(4096), b""))


POST = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
NEXT = b"\r\n\r\n0\r\n\r\nGET /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: 5, 6",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: five",
        b"Content-Length : 5",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding: chunked\r\n\r\nzz",
        b"Host: 127.0.0.1",
        b"X: a\x00b",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_no_request(small, head):
    """And whatever follows it on the connection is not read."""
    answer = exchange(small, POST + head + NEXT)
    status = int(answer.split(b" ")[1])
    assert status in (400, 501), answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_host_is_needed(small):
    assert exchange(small, b"GET /v1/jobs HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("kind", [b"multipart/form-data; boundary=b", b"application/octet-stream"])
def test_a_body_that_ends_early_leaves_nothing(http, small, kind):
    begun = http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": 1000})
    place = begun.headers["Location"]
    line = f"PUT {place}/parts/1" if b"octet" in kind else "POST /v1/datasets"
    head = b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\nContent-Type: " + kind
    answer = exchange(small, line.encode() + head + b"\r\n\r\n" + _form()[:120], end=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert http.get(place).json()["received_parts"] == []
    wait_until(lambda: not list((small.folder / "staging" / place.split("/")[-1]).glob("*")))
    http.delete(place)


def test_hosts_and_origins_of_others(http):
    bad = http.get("/v1/jobs", headers={"Host": "rebound.example"})
    assert refusal(bad) == (403, "bad_host")
    cross = http.post("/v1/jobs", json={}, headers={"Origin": "https://evil.example"})
    assert refusal(cross) == (403, "cross_origin")


def test_methods_and_pages(http):
    assert refusal(http.request("TRACE", "/v1/jobs"))[0] == 405
    assert refusal(http.get("/v1/jobs", params={"page_token": "x.y"})) == (400, "bad_page_token")
    assert refusal(http.get("/v1/jobs", params={"page_size": 0}))[0] == 422
    assert refusal(http.get("/v1/jobs", params={"state": "none"}))[0] == 422


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
