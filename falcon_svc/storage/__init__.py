"""What lasts: the SQL record and the artifact files. All SQL of the project is in here.

Names are loaded when they are first asked for: processes that know the kinds of jobs alone load no
database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falcon_svc.storage.artifacts import ArtifactStore
    from falcon_svc.storage.database import Conflict, Database, DatabaseError, Session, is_full

__all__ = ["ArtifactStore", "Conflict", "Database", "DatabaseError", "Session", "is_full"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "artifacts" if name == "ArtifactStore" else "database"
    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found
