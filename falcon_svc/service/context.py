"""What every request needs: settings, record, artifacts, keys, rates; made once per process."""

from __future__ import annotations

from dataclasses import dataclass

from falcon_svc.engines import open_engine
from falcon_svc.errors import StorageError
from falcon_svc.service.audit import AuditLog
from falcon_svc.service.devices import Devices
from falcon_svc.service.keys import Keyring, read_pepper
from falcon_svc.service.rates import Rates
from falcon_svc.service.staging import Staging
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database, DatabaseError

FAILURES_PER_S = 0.2


@dataclass(frozen=True)
class Context:
    """The parts of the service that requests share.

    Parameters
    ----------
    settings, database, artifacts, keyring
        As opened by `make`.
    staging
        Where files arrive.
    rates
        Requests of each tenant, or of each address without a key.
    failures
        Wrong keys from each address.
    devices
        What jobs may ask for.
    audit
        Who did what.
    """

    settings: Settings
    database: Database
    artifacts: ArtifactStore
    keyring: Keyring
    staging: Staging
    rates: Rates
    failures: Rates
    devices: Devices
    audit: AuditLog

    @classmethod
    def make(cls, settings: Settings) -> Context:
        """Open everything and bring the tables up to date."""
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(settings.database)
        database.migrate()
        return cls(
            settings,
            database,
            ArtifactStore(settings.artifacts, settings.data_dir / "cache"),
            Keyring(database, read_pepper(settings.data_dir)),
            Staging(settings.data_dir / "staging"),
            Rates(settings.rate_per_s, 2 * settings.rate_per_s),
            Rates(FAILURES_PER_S, settings.wrong_keys, what="wrong keys from one address"),
            Devices(settings),
            AuditLog(settings.data_dir),
        )

    def close(self) -> None:
        """Remove what is half here and close the database."""
        self.staging.close()
        self.database.close()


def prepare(settings: Settings) -> None:
    """Look through the database, bring its tables up to date and find the engine, at the start.

    Raises
    ------
    StorageError
        It is damaged (code ``database_damaged``) or does not answer (``database_unavailable``), or
        there is no data directory.
    ConfigError
        A newer release made it.
    MissingExtraError
        The package of the engine or of the database is not installed.
    """
    open_engine(settings)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        what = f"The data directory {settings.data_dir} could not be made"
        raise StorageError.because(what, error, remedy="name another FALCON_DATA_DIR") from error
    database = Database(settings.database)
    try:
        damage = database.faults()
        if damage:
            raise _damaged(settings, damage[0])
        database.migrate()
    except DatabaseError as error:
        raise _away(database, error) from error
    finally:
        database.close()


def _away(database: Database, error: DatabaseError) -> StorageError:
    place, why = database.url.render_as_string(hide_password=True), str(error.orig).splitlines()
    return StorageError(
        f"Expected the database {place} to answer, found that it does not ({''.join(why[:1])}); "
        "start it, or mend FALCON_DATABASE_URL.",
        code="database_unavailable",
    )


def _damaged(settings: Settings, fault: str) -> StorageError:
    return StorageError(
        f"Expected a sound database in {settings.data_dir}, found it damaged ({fault}); restore a "
        "backup as docs/operations.md says, `falcon doctor` shows what else is wrong.",
        code="database_damaged",
    )
