"""Where `falcon serve` and `falcon review` listen."""

from __future__ import annotations

import socket

import pytest

from falcon_svc.cli.listening import listen
from falcon_svc.errors import ConfigError


def test_answers_in_two_pieces_do_not_wait_for_an_acknowledgement() -> None:
    place = listen("127.0.0.1", 0)
    with place, socket.create_connection(place.getsockname()), place.accept()[0] as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_told_with_the_remedy() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}.*--port"):
            listen("127.0.0.1", port)
