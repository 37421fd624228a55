"""Ids of everything that is stored: a prefix and a ULID, so that they sort by time.

Source: github.com/ulid/spec; 48 bits of milliseconds and 80 random bits in Crockford's base 32.
"""

from __future__ import annotations

import re
import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PATTERN = re.compile(r"^[a-z]{2,6}_[0-9a-hjkmnp-tv-z]{26}\Z")


def new_id(prefix: str) -> str:
    """Return a new id such as ``job_01j9z...``."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def time_of(identity: str) -> float:
    """Return when an id was made, in seconds since 1970."""
    text = identity.rpartition("_")[2]
    number = sum(_ALPHABET.index(c) << 5 * place for place, c in enumerate(reversed(text)))
    return (number >> 80) / 1000
