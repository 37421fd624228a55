"""The SQL database: connections, transactions, migrations.

SQLite (the default) runs in WAL mode with `synchronous=FULL`: a commit that was acknowledged
survives a power loss. A writing transaction takes the write lock when it begins, so that two
never deadlock half-way; readers are not held up. Postgres works by URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError as AnyDatabaseError
from sqlalchemy.exc import IntegrityError as Conflict
from sqlalchemy.exc import OperationalError as DatabaseError
from sqlalchemy.orm import Session

from falcon_svc.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["Conflict", "Database", "DatabaseError", "Session"]

BUSY_TIMEOUT_MS = 15_000
KEPT = 5
BURST = 35  # with those kept one connection for each of the API's threads: none waits for one
MIGRATING = 0xFA1C  # number of the lock that Postgres gives to one migration at a time
FULL = ("SQLITE_FULL", "53100")  # SQLite's name, Postgres' state
MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """A database by its URL.

    Parameters
    ----------
    url
        SQLAlchemy URL of SQLite or Postgres.

    Examples
    --------
    >>> from falcon_svc.storage import Database
    >>> database = Database("sqlite:///falcon.db")
    >>> database.migrate()
    >>> database.file.name, database.is_sqlite
    ('falcon.db', True)
    >>> database.close()
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(make_url(url))
        if self.is_sqlite:
            folder = Path(self.url.database or "").parent
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.engine = self._open()
        self._writing = self.engine
        self._turn: AbstractContextManager[Any] = nullcontext()
        if self.is_sqlite:
            self._turn = Lock()  # SQLite lets waiters sleep and try; a lock wakes them in time
            event.listen(self.engine, "connect", _prepare)
            event.listen(self.engine, "begin", _begin)
            self._writing = self.engine.execution_options(begin="BEGIN IMMEDIATE")

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for another database."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    def _open(self) -> Engine:
        try:
            return create_engine(
                self.url, pool_pre_ping=not self.is_sqlite, pool_size=KEPT, max_overflow=BURST
            )
        except ModuleNotFoundError as error:
            purpose = "A Postgres database"
            raise MissingExtraError("psycopg", extra="postgres", purpose=purpose) from error

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and changes nothing.

        Yields
        ------
        Session
            Closed at the end of the block.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are committed together at the end, or not at all.

        Yields
        ------
        Session
            Committed at the end of the block, rolled back on an error.
        """
        with (
            self._turn,
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def migrate(self) -> None:
        """Bring the tables to this release's form; processes that start together take turns.

        Raises
        ------
        ConfigError
            A newer release made them (code ``newer_database``).
        """
        from alembic import command  # late: workers, who never migrate, start sooner without it
        from alembic.util import CommandError

        try:
            with self._writing.connect() as connection:
                if not self.is_sqlite:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))
                command.upgrade(_alembic(connection), "head")
        except CommandError as error:
            raise ConfigError(
                f"Expected a database of this release or an earlier one, found one of a newer "
                f"release ({error}); install that release again, or restore the backup that was "
                "made before the upgrade.",
                code="newer_database",
            ) from error

    def faults(self, *, thorough: bool = False) -> list[str]:
        """Return what is wrong with the database file, page by page; Postgres checks its own.

        Parameters
        ----------
        thorough
            Compare indexes with tables and look for references to rows that are not there, too.

        Returns
        -------
        list of str
            One sentence per fault; empty where all is well.
        """
        if not self.is_sqlite:
            return []
        checks = ["integrity_check", "foreign_key_check"] if thorough else ["quick_check"]
        try:
            with self.engine.connect() as connection:
                rows = [
                    row for name in checks for row in connection.exec_driver_sql(f"PRAGMA {name}")
                ]
        except AnyDatabaseError as error:
            return [str(error.orig)]
        return [" ".join(map(str, row)) for row in rows if tuple(row) != ("ok",)]

    @property
    def is_current(self) -> bool:
        """Whether the tables have this release's form."""
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        heads = ScriptDirectory(str(MIGRATIONS)).get_heads()
        with self.engine.connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)

    def check(self) -> None:
        """Raise SQLAlchemyError unless the database answers."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def empty_log(self) -> None:
        """Copy SQLite's log into its file and empty it, as it still holds what was deleted.

        Nothing happens while somebody reads; Postgres does its own vacuuming.
        """
        if self.is_sqlite:
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _checked(url: URL) -> URL:
    """Return the URL with its driver, or refuse it."""
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise ConfigError(
            f"Expected a SQLite or Postgres URL as FALCON_DATABASE_URL, found one of {kind!r}; see "
            "docs/operations.md."
        )
    if kind == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError(
            "Expected the file of a SQLite database, sqlite:///PATH, as FALCON_DATABASE_URL, "
            f"found {url}, which is gone when the process ends; name a file."
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def is_full(error: DatabaseError) -> bool:
    """Return whether the database has no room on its disk.

    Parameters
    ----------
    error
        What the database said.

    Returns
    -------
    bool
        True for SQLite's and Postgres' codes of a full disk.

    Examples
    --------
    >>> from sqlite3 import OperationalError
    >>> from sqlalchemy.exc import DatabaseError
    >>> from falcon_svc.storage import is_full
    >>> is_full(DatabaseError("INSERT", {}, OperationalError("syntax error")))
    False
    """
    names = (getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate"))
    return any(name in FULL for name in names)


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _prepare(connection: Any, _: object) -> None:
    """Set up a new SQLite connection; the driver's own transactions are off."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted is overwritten
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
