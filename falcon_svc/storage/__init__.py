"""What lasts: the SQL record and the artifact files. All SQL of the project is in here."""

from __future__ import annotations

from falcon_svc.storage.artifacts import ArtifactStore
from falcon_svc.storage.database import Conflict, Database, DatabaseError, Session, is_full

__all__ = ["ArtifactStore", "Conflict", "Database", "DatabaseError", "Session", "is_full"]
