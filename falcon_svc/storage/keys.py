"""API keys and idempotency keys in SQL."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.ids import new_id
from falcon_svc.storage.tables import ApiKey, IdempotencyRecord


class KeyRepository:
    """Keys as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(
        self, tenant: str, name: str, digest: str, scopes: list[str], expires_at: float | None
    ) -> ApiKey:
        """Insert an API key's public part."""
        key = ApiKey(
            id=new_id("key"),
            tenant=tenant,
            name=name,
            digest=digest,
            scopes=scopes,
            created_at=time.time(),
            expires_at=expires_at,
        )
        self.session.add(key)
        self.session.flush()
        return key

    def get(self, key_id: str) -> ApiKey | None:
        """Return an API key by its id."""
        return self.session.get(ApiKey, key_id)

    def every(self) -> Sequence[ApiKey]:
        """Return all API keys, oldest first."""
        return self.session.scalars(select(ApiKey).order_by(ApiKey.id)).all()

    def revoke(self, key_id: str) -> bool:
        """Revoke an API key; False if there is none."""
        done = self.session.execute(
            update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=time.time())
        )
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def expire(self, key_id: str, at: float) -> None:
        """Let an API key expire at a time, or earlier if it would have."""
        sooner = (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > at)
        self.session.execute(
            update(ApiKey).where(ApiKey.id == key_id, sooner).values(expires_at=at)
        )

    def earlier_answer(self, tenant: str, key: str) -> IdempotencyRecord | None:
        """Return what a tenant's `Idempotency-Key` made, if anything."""
        return self.session.get(IdempotencyRecord, (tenant, key))

    def remember(self, tenant: str, key: str, request_sha256: str, resource_id: str) -> None:
        """Record what an `Idempotency-Key` makes; fails at commit if another did it first."""
        self.session.add(
            IdempotencyRecord(
                tenant=tenant,
                key=key,
                request_sha256=request_sha256,
                resource_id=resource_id,
                created_at=time.time(),
            )
        )
        self.session.flush()

    def forget_answers(self, before: float) -> None:
        """Forget idempotency keys that are older."""
        self.session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.created_at < before))
