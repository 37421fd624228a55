"""Clients that go away in the middle of events, or of a download."""

from __future__ import annotations

import socket

import httpx
import psutil
import pytest

from tests.api.running import wait_until
from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import add_dataset, submit

pytestmark = pytest.mark.faults
STREAMS = 20
BIG = 64 * 2**20
POOLED = 3  # a second connection to the database that was opened meanwhile, and is kept


def files_of(service) -> int:
    return psutil.Process(service.process.pid).num_fds()


def request(service, path: str) -> socket.socket:
    """Send a request and return the connection, to be dropped."""
    connection = socket.create_connection(("127.0.0.1", service.port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 200")
    return connection


def test_streams_that_are_dropped_make_room_for_others(start):
    service = start("data", "--no-worker", max_streams=STREAMS)
    job_id = submit(service, add_dataset(service))
    path, before = f"/v1/jobs/{job_id}/events", files_of(service)
    for _ in range(3):
        streams = [request(service, path) for _ in range(STREAMS)]
        assert service.http.get(path).status_code == 503
        for stream in streams:
            stream.close()
        wait_until(lambda: files_of(service) <= before + POOLED, 30)
    with httpx.stream("GET", service.url + path, timeout=30) as events:
        assert next(events.iter_lines()) == "id: 1"
    service.http.post(f"/v1/jobs/{job_id}:cancel")
    check_history(service, [job_id])
    check_nothing_left(service)


def test_a_download_that_is_dropped_is_closed(calm, done):
    """Larger than what sockets hold, so that it stops in the middle."""
    report = calm.folder / "artifacts" / "results" / done / "1" / "report.html"
    whole, before = report.read_bytes(), files_of(calm)
    try:
        with report.open("r+b") as file:
            file.truncate(BIG)
        for _ in range(5):
            request(calm, f"/v1/jobs/{done}/report").close()
        wait_until(lambda: files_of(calm) <= before, 30)
        assert len(calm.http.get(f"/v1/jobs/{done}/report").content) == BIG
    finally:
        report.write_bytes(whole)
