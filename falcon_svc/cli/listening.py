"""Where `falcon serve` and `falcon review` listen."""

from __future__ import annotations

import socket

from falcon_svc.errors import ConfigError

BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """Take a port before anything is started.

    Parameters
    ----------
    host
        Address or name to listen on, IPv4 or IPv6.
    port
        0 to 65535; 0 = any that is free.

    Raises
    ------
    ConfigError
        Another program has it, or it is not this machine's to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        place = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Connections inherit it; asyncio does not see that a socket made by others is TCP's, and an
        # answer in two pieces would wait 40 ms for the acknowledgement of the first.
        place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return place
    except OSError as error:
        raise ConfigError(
            f"Expected to listen on {host}, port {port}, found that this cannot "
            f"be done ({error.strerror or error}); stop the program that has the port, or name "
            "another with --port (0 takes any that is free).",
            code="port_taken",
        ) from error
