"""What every request needs: settings, record, artifacts, keys; made once per process."""

from __future__ import annotations

from dataclasses import dataclass

from falcon_svc.service.keys import Keyring, read_pepper
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database


@dataclass(frozen=True)
class Context:
    """The parts of the service that requests share."""

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    keyring: Keyring

    @classmethod
    def make(cls, settings: Settings) -> Context:
        """Open everything and bring the tables up to date."""
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(settings.database)
        database.migrate()
        artifacts = ArtifactStore(settings.artifacts, settings.data_dir / "cache")
        return cls(settings, database, artifacts, Keyring(database, read_pepper(settings.data_dir)))

    def close(self) -> None:
        """Close the database."""
        self.database.close()
