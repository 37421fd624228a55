"""Requests that are never sent to their end are given up; slow ones that go on are not."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import httpx
import pytest
import uvicorn

from falcon_svc.api import patience
from falcon_svc.api.app import create_app
from falcon_svc.api.patience import Arrival, Patient
from falcon_svc.service.refusals import RequestError
from falcon_svc.settings import Settings
from tests.api.running import free_port, wait_until

FORM = b"POST /v1/datasets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; "
FORM += b"boundary=x\r\n"
HEAD = b"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A service in this process that loses patience soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "HEAD_S", 0.3)
        patch.setattr(patience, "PIECE_S", 0.3)
        patch.setattr(patience, "LEAST_BYTES_PER_S", 10.0)
        place = free_port()
        app = create_app(Settings(data_dir=tmp_path_factory.mktemp("slow") / "data"))
        config = uvicorn.Config(app, port=place, http=Patient, log_level="error")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        wait_until(lambda: server.started)
        yield place
        server.should_exit = True
        thread.join()


def answer_to(port, *pieces, pause_s=0.0):
    """All that comes back until the service hangs up."""
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        for piece in pieces:
            line.sendall(piece)
            time.sleep(pause_s)
        return b"".join(iter(lambda: line.recv(65_536), b""))


@pytest.mark.parametrize("pieces", [[], [b"GET /v1/jobs HT"], [HEAD]])
def test_a_head_that_does_not_come_ends_the_connection(port, pieces):
    assert answer_to(port, *pieces).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(("head", "first"), [(HEAD, b"{"), (FORM, b"--x\r\n")])
def test_a_body_that_does_not_come_is_a_problem(port, head, first):
    answer = answer_to(port, head + b"Content-Length: 100\r\n\r\n" + first)
    assert answer.startswith(b"HTTP/1.1 408 ") and b'"too_slow"' in answer
    assert b"connection: close" in answer.lower()


def test_a_client_that_goes_on_slowly_is_waited_for(port):
    body = b'{"dataset_id": "ds_x"}'
    pieces = [HEAD + b"Connection: close\r\n", b"Content-Length: %d\r\n\r\n" % len(body)]
    pieces += [body[i : i + 6] for i in range(0, len(body), 6)]
    answer = answer_to(port, *pieces, pause_s=0.1)
    assert answer.startswith(b"HTTP/1.1 404 ")


def test_connections_that_are_kept_are_used_again(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        for _ in range(3):
            assert http.get("/health/live").status_code == 200
            time.sleep(0.35)  # longer than a head may take


def arrive(sizes, seconds_each):
    """Read a body whose pieces take so many seconds each, by a clock of its own."""
    now = [0.0]
    left = list(sizes)

    async def receive():
        now[0] += seconds_each
        return {"type": "http.request", "body": b"x" * left.pop(0), "more_body": bool(left)}

    async def read():
        arrival = Arrival(receive, clock=lambda: now[0])
        while left:
            await arrival.next()
        return arrival.size_bytes

    return asyncio.run(read())


def test_a_body_may_take_long_if_it_comes_at_some_rate():
    assert arrive([20_000] * 50, 10) == 1_000_000
    with pytest.raises(RequestError) as refused:
        arrive([1] * 50, 10)
    assert refused.value.code == "too_slow"
