"""What the service refuses, beyond what is wrong with data: each with a stable code.

Place: raised by the service, turned into problem documents by `falcon_svc.api.problems`, which
also knows the HTTP status of each code.
"""

from __future__ import annotations

from falcon_svc.errors import FalconError


class RequestError(FalconError):
    """A request that cannot be carried out."""

    code = "bad_request"


def not_found(kind: str, identity: str) -> RequestError:
    """Return the refusal of what is not there, or is another tenant's: the two look alike."""
    return RequestError(
        f"Expected the id of a {kind} of yours, found {identity[:60]!r}; list them to see which "
        "there are.",
        code="not_found",
    )
