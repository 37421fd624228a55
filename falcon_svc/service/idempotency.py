"""`Idempotency-Key`: a request that is sent again has the answer of the first time.

The key is written in the transaction that makes the resource. Of parallel requests with one key,
one makes it; the others wait for that commit and then answer with what it made. Source: the
IETF's Idempotency-Key draft 07; ours never answers "in flight", as there is nothing to wait for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from falcon_svc.service.refusals import RequestError
from falcon_svc.storage import Conflict, Database, Session
from falcon_svc.storage.keys import KeyRepository

LONGEST_KEY = 255


@dataclass(frozen=True)
class Once:
    """A request that may come again.

    Parameters
    ----------
    tenant
        Whose.
    key
        `Idempotency-Key`, or None: then every request is new.
    fingerprint
        sha256 hex of what is asked for.
    """

    tenant: str
    key: str | None
    fingerprint: str

    @classmethod
    def of(cls, tenant: str, key: str | None, *asked: Any) -> Once:
        """Return the request of a tenant that asks for JSON-ready `asked`."""
        if key is not None and not 1 <= len(key) <= LONGEST_KEY:
            raise RequestError(
                f"Expected an Idempotency-Key of 1 to {LONGEST_KEY} letters, found {len(key)}; "
                "shorten it.",
                code="bad_idempotency_key",
            )
        text = json.dumps(asked, sort_keys=True, ensure_ascii=True)
        return cls(tenant, key, sha256(text.encode()).hexdigest())

    def make(self, database: Database, make: Callable[[Session], str]) -> tuple[str, bool]:
        """Return the id of the resource, and whether it was made now.

        Raises
        ------
        RequestError
            The key was used for another request (code ``idempotency_mismatch``).
        """
        for _ in range(2):
            try:
                with database.write() as session:
                    return self._make(session, make)
            except Conflict:
                if self.key is None:
                    raise
        raise AssertionError("the key exists and does not")

    def _make(self, session: Session, make: Callable[[Session], str]) -> tuple[str, bool]:
        keys = KeyRepository(session)
        earlier = keys.earlier_answer(self.tenant, self.key) if self.key else None
        if earlier is None:
            made = make(session)
            if self.key is not None:
                keys.remember(self.tenant, self.key, self.fingerprint, made)
            return made, True
        if earlier.request_sha256 != self.fingerprint:
            raise RequestError(
                "Expected the request that this Idempotency-Key was first used for, found another; "
                "use a new key for a new request.",
                code="idempotency_mismatch",
            )
        return earlier.resource_id, False
