"""Turns: a few are worked on, others wait a moment; who dribbles holds up nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import httpx
import pytest

from falcon_svc.api import turns
from falcon_svc.api.middleware import Limits
from falcon_svc.api.turns import Turn
from falcon_svc.service.refusals import RequestError
from falcon_svc.settings import Settings
from tests.api.running import Running, wait_until

HEAD = "POST /v1/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def patience(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_S", 0.05)


def test_one_who_waits_works_as_soon_as_another_has_ended():
    async def play():
        free = asyncio.Semaphore(1)
        first, second = Turn(free), Turn(free)
        await first.take()
        waiting = asyncio.create_task(second.take())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        first.give_back()
        await waiting
        return free.locked()

    assert asyncio.run(play())


def test_one_who_has_waited_too_long_is_refused_and_takes_nothing(patience):
    async def play():
        free = asyncio.Semaphore(1)
        first, late = Turn(free), Turn(free)
        await first.take()
        with pytest.raises(RequestError) as refused:
            await late.take()
        assert refused.value.code == "overloaded"
        late.give_back()
        assert free.locked()
        first.give_back()
        first.give_back()
        await Turn(free).take()
        return free.locked()

    assert asyncio.run(play())


class Stuck:
    """An application whose clients never read the answer's body; it notes who got so far."""

    def __init__(self):
        self.begun = 0

    async def __call__(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.begun += 1
        await asyncio.Event().wait()


@pytest.mark.parametrize(("path", "let_in"), [("/v1/jobs", 3), ("/v1/jobs/job_1/events", 1)])
def test_who_does_not_read_holds_no_turn_but_a_stream_is_one_of_so_many(patience, path, let_in):
    refused = []

    async def send(message):
        if message.get("status") == 503:
            refused.append(message)

    async def play():
        app = Stuck()
        limits = Limits(app, Settings(max_requests=1, max_streams=1))
        scope = {"type": "http", "path": path, "headers": []}
        asked = [asyncio.create_task(limits(dict(scope), None, send)) for _ in range(3)]
        await asyncio.sleep(0.3)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return app.begun

    assert asyncio.run(play()) == let_in
    assert len(refused) == 3 - let_in


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    folder = tmp_path_factory.mktemp("narrow") / "data"
    running = Running(folder, "--no-worker", max_requests=2, max_uploads=3)
    yield running
    running.stop()


@pytest.fixture
def dribblers(narrow):
    """Three clients in the middle of their bodies."""
    sockets = [socket.create_connection(("127.0.0.1", narrow.port)) for _ in range(3)]
    for one in sockets:
        one.sendall(f"{HEAD}Content-Length: 99\r\n\r\n{{".encode())
    time.sleep(0.3)
    yield sockets
    for one in sockets:
        one.close()
    wait_until(lambda: announce(narrow).status_code == 201)


def announce(running):
    return running.http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": 1})


def test_slow_bodies_hold_up_no_reader(narrow, dribblers):
    for _ in range(5):
        assert narrow.http.get("/v1/jobs").status_code == 200


def test_a_tenant_sends_so_many_bodies_at_once_and_again_once_some_have_ended(narrow, dribblers):
    refused = announce(narrow)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")
    assert int(refused.headers["Retry-After"]) > 0
    for one in dribblers:
        one.close()
    wait_until(lambda: announce(narrow).status_code == 201)


def test_more_than_are_worked_on_are_answered_or_refused_with_a_time(narrow):
    answers = []

    def ask():
        with httpx.Client(base_url=narrow.url, timeout=30) as http:
            answers.extend(http.get("/v1/jobs") for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80
    for answer in answers:
        assert answer.status_code == 200 or (
            answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        )
