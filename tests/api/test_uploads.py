"""Uploads in parts: together the file; sent again they replace, broken off they change nothing."""

from __future__ import annotations

import asyncio
import hashlib
import socket

import pytest

from falcon_svc.api.forms import gathered
from tests.api.running import npz_bytes, wait_until

OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def begin(http):
    def make(size_bytes):
        announced = {"name": "planted.npz", "size_bytes": size_bytes}
        answer = http.post("/v1/uploads", json=announced)
        assert answer.status_code == 201
        return f"/v1/uploads/{answer.json()['id']}"

    return make


def received(http, place):
    return http.get(place).json()["received_parts"]


def put(http, place, number, content):
    return http.put(f"{place}/parts/{number}", content=content, headers=OCTETS)


@pytest.mark.parametrize("sizes", [(), (1,), (3, 3), (10, 1, 2, 7, 1)])
def test_gathered_pieces_are_the_body_and_none_but_the_last_is_small(sizes):
    body = [bytes([i]) * size for i, size in enumerate(sizes)]

    async def pieces():
        for piece in body:
            yield piece

    async def gather():
        return [piece async for piece in gathered(pieces(), 5)]

    found = asyncio.run(gather())
    assert b"".join(found) == b"".join(body)
    assert all(len(piece) >= 5 for piece in found[:-1])


def test_parts_in_any_order_and_again_make_the_file(http, begin):
    content = npz_bytes(seed=11)
    cut = len(content) // 2
    place = begin(len(content))
    assert put(http, place, 2, content[cut:]).status_code == 204
    assert put(http, place, 1, b"x" * cut).status_code == 204
    assert put(http, place, 1, content[:cut]).status_code == 204
    assert received(http, place) == [1, 2]
    digest = hashlib.sha256(content).hexdigest()
    made = http.post(f"{place}:complete", json={"sha256": digest})
    assert (made.status_code, made.json()["sha256"]) == (201, digest)


def test_a_part_beyond_what_was_announced_is_refused_and_leaves_nothing(http, service, begin):
    place = begin(10)
    refused = put(http, place, 1, b"x" * 11)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert received(http, place) == []
    assert not list((service.folder / "staging").rglob("part_*.tmp"))


def test_a_part_that_is_broken_off_leaves_the_one_before(http, service, begin):
    place = begin(2**22)
    assert put(http, place, 1, b"first").status_code == 204
    head = f"PUT {place}/parts/1 HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
    head += f"Content-Type: application/octet-stream\r\nContent-Length: {2**22}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(head.encode() + b"x" * (3 * 2**20))
        wait_until(lambda: list((service.folder / "staging").rglob("part_*.tmp")))
    wait_until(lambda: not list((service.folder / "staging").rglob("part_*.tmp")))
    (kept,) = (service.folder / "staging").rglob("00001")
    assert kept.read_bytes() == b"first"
