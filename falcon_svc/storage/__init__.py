"""What lasts: the SQL record and the artifact files. All SQL of the project is in here.

Names are loaded when they are first asked for: processes that know the kinds of jobs alone load no
database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcon_svc.late import late

if TYPE_CHECKING:
    from falcon_svc.storage.artifacts import ArtifactStore
    from falcon_svc.storage.changes import Changes
    from falcon_svc.storage.database import Conflict, Database, DatabaseError, Session, is_full

__all__ = [
    "ArtifactStore",
    "Changes",
    "Conflict",
    "Database",
    "DatabaseError",
    "Session",
    "is_full",
]

_HOMES = {**dict.fromkeys(__all__, "database"), "ArtifactStore": "artifacts", "Changes": "changes"}

__getattr__ = late(__name__, _HOMES)
