"""Where `falcon serve` listens."""

from __future__ import annotations

import socket

from falcon_svc.cli.serve import _bind
from falcon_svc.settings import Settings


def test_answers_in_two_pieces_do_not_wait_for_an_acknowledgement(tmp_path):
    place = _bind(Settings(data_dir=tmp_path, port=0))
    with place, socket.create_connection(place.getsockname()), place.accept()[0] as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
