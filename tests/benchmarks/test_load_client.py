"""The load generator against a small server on a socket: nothing is lost, doubled or made up."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import Counter
from contextlib import closing

import pytest

from benchmarks.service.drive import NO_ANSWER, Enough, Tally, at_rate, hammer, percentile_ms
from benchmarks.service.http import Answer, Connection, Request

GET = Request("GET", "/thing")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
RUDE = b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"
BROKEN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
HANG_UP = b""


class Server:
    """Answers each request with the next of some answers; notes bodies and connections."""

    def __init__(self, *answers):
        self.answers = itertools.cycle(answers)
        self.bodies, self.heads, self.connections = [], [], 0

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                answer = next(self.answers)
                writer.write(answer)
                await writer.drain()
                if answer in (HANG_UP, LAST):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def with_server(server, play):
    """Return what `play(port)` gives while the server is there."""

    async def run():
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        async with listening:
            return await play(listening.sockets[0].getsockname()[1])

    return asyncio.run(run())


def test_a_connection_is_kept_and_bodies_are_whole():
    server = Server(OK, CHUNKED)

    async def play(port):
        with closing(Connection(port, "key")) as connection:
            return [await connection.ask(Request("POST", "/a", b"body")) for _ in range(3)]

    answers = with_server(server, play)
    assert [answer.body for answer in answers] == [b"hi", b"hi!", b"hi"]
    assert server.connections == 1 and server.bodies == [b"body"] * 3
    assert all(b"Authorization: Bearer key" in head for head in server.heads)


def test_a_body_in_pieces_arrives_in_order():
    server = Server(OK)

    async def pieces():
        for piece in (b"a" * 70_000, b"b" * 5, b"c" * 99_999):
            yield piece

    async def play(port):
        request = Request("PUT", "/a", headers=(("Content-Length", str(170_004)),))
        with closing(Connection(port, "key")) as connection:
            return await connection.ask(request, pieces())

    assert with_server(server, play).status == 200
    assert server.bodies == [b"a" * 70_000 + b"b" * 5 + b"c" * 99_999]


@pytest.mark.parametrize("last", [LAST, HANG_UP])
def test_a_connection_that_ends_is_opened_again(last):
    server = Server(last, OK)

    async def play(port):
        found = []
        with closing(Connection(port, "key")) as connection:
            for _ in range(3):
                try:
                    found.append((await connection.ask(GET)).status)
                except ConnectionError:
                    found.append(NO_ANSWER)
        return found

    first = 200 if last == LAST else NO_ANSWER
    assert with_server(server, play) == [first, 200, first]
    assert server.connections == 2


def test_every_request_is_counted_once_by_what_became_of_it():
    server = Server(OK, BUSY, RUDE, BROKEN, HANG_UP)

    async def play(port):
        return await hammer(port, "key", lambda _: GET, connections=3, seconds=60, n=50)

    tally = with_server(server, play)
    assert tally.statuses == Counter({200: 10, 503: 10, 429: 10, 404: 10, NO_ANSWER: 10})
    assert len(tally.waits_s) == 10
    assert (tally.refused, tally.bare_refusals, tally.errors) == (20, 10, 20)


def test_a_fixed_rate_sends_each_request_once_and_stops_when_told():
    server = Server(OK)
    asked = []

    def ask(number):
        asked.append(number)
        return GET

    async def all_of_them(port):
        return await at_rate(port, "key", ask, per_s=200, seconds=0.25, connections=4)

    tally = with_server(server, all_of_them)
    assert sorted(asked) == list(range(50)) and len(tally.waits_s) == 50

    def enough(answer: Answer):
        raise Enough

    async def one(port):
        return await at_rate(port, "key", ask, per_s=200, seconds=60, connections=1, told=enough)

    assert len(with_server(server, one).waits_s) == 1


def test_nobody_listens():
    async def play():
        return await hammer(9, "key", lambda _: GET, connections=1, seconds=60, n=2)

    tally = asyncio.run(play())
    assert tally.statuses == {NO_ANSWER: 2} and tally.errors == 2


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.76, 4.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_percentiles_by_hand(share, expected):
    assert percentile_ms([0.004, 0.001, 0.003, 0.002], share) == pytest.approx(expected)


def test_no_answers_have_no_percentile():
    assert percentile_ms([], 0.5) == math.inf
    assert Tally().per_s == 0.0
