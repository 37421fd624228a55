"""Uploads in SQL: files that arrive in parts."""

from __future__ import annotations

import time

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.ids import new_id
from falcon_svc.storage.tables import Upload


class UploadRepository:
    """Uploads as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, tenant: str, name: str, size_bytes: int, *, keep_s: float) -> Upload:
        """Insert an open upload."""
        now = time.time()
        upload = Upload(
            id=new_id("up"),
            tenant=tenant,
            name=name,
            size_bytes=size_bytes,
            created_at=now,
            expires_at=now + keep_s,
        )
        self.session.add(upload)
        self.session.flush()
        return upload

    def get(self, upload_id: str, tenant: str) -> Upload | None:
        """Return an upload of a tenant's."""
        found = self.session.get(Upload, upload_id)
        return found if found is not None and found.tenant == tenant else None

    def usage(self, tenant: str) -> tuple[int, int]:
        """Return number and announced bytes of a tenant's open uploads."""
        query = select(func.count(), func.coalesce(func.sum(Upload.size_bytes), 0))
        where = (Upload.tenant == tenant, Upload.dataset_id.is_(None))
        count, size_bytes = self.session.execute(query.where(*where)).one()
        return int(count), int(size_bytes)

    def done(self, upload_id: str, dataset_id: str) -> None:
        """Record which data set an upload became."""
        self.session.execute(
            update(Upload).where(Upload.id == upload_id).values(dataset_id=dataset_id)
        )

    def delete(self, upload_id: str) -> None:
        """Remove an upload."""
        self.session.execute(delete(Upload).where(Upload.id == upload_id))

    def ids(self) -> set[str]:
        """Return the ids of all uploads."""
        return set(self.session.scalars(select(Upload.id)))

    def expire(self) -> None:
        """Remove uploads whose time is over."""
        self.session.execute(delete(Upload).where(Upload.expires_at < time.time()))
