"""Times as clients see them: RFC 3339 in UTC, of the record's seconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime


def as_datetime(seconds: float) -> datetime:
    """Return the time of day in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(seconds: float) -> str:
    """Return the text of a time.

    Examples
    --------
    >>> rfc3339(0.5)
    '1970-01-01T00:00:00.500000Z'
    """
    return as_datetime(seconds).isoformat().replace("+00:00", "Z")
