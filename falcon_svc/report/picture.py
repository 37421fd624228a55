"""A picture on the page: an address that needs no other file, and its description."""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """An image.

    Parameters
    ----------
    src : str
        A ``data:`` address.
    alt : str
        What it shows, for who does not see it.
    """

    src: str
    alt: str


def data_uri(mime: str, data: bytes) -> str:
    """Return the bytes as an address that needs no other file.

    Examples
    --------
    >>> data_uri("text/plain", b"jay")
    'data:text/plain;base64,amF5'
    """
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
