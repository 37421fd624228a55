"""Page tokens: where the next page begins, signed, so that nobody makes one up.

A token belongs to one tenant, collection and set of filters; used elsewhere it is refused.
"""

from __future__ import annotations

import hmac

from falcon_svc.service.keys import Keyring
from falcon_svc.service.refusals import RequestError

SIGNED = 32


def make_token(keyring: Keyring, listing: str, last_id: str) -> str:
    """Return the token of the page after `last_id`; `listing` names tenant and filters."""
    return f"{last_id}.{_signature(keyring, listing, last_id)}"


def read_token(keyring: Keyring, listing: str, token: str | None) -> str | None:
    """Return the id after which a page begins; None for the first.

    Raises
    ------
    RequestError
        Not a token of this listing (code ``bad_page_token``).
    """
    if token is None:
        return None
    last_id, _, signature = token.partition(".")
    expected = _signature(keyring, listing, last_id)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise RequestError(
            "Expected a page_token that this listing has answered with, found another; begin with "
            "the first page, and keep the filters.",
            code="bad_page_token",
        )
    return last_id


def _signature(keyring: Keyring, listing: str, last_id: str) -> str:
    return keyring.sign(f"page\n{listing}\n{last_id}")[:SIGNED]
