"""Whether a database has changed, for those who look often and mostly find nothing new.

SQLite counts the commits of all other connections, those of other processes too, in memory that
they share: asking takes microseconds, a look through the ORM a thousand times that. Postgres has
no such number; there every look counts.
Source: sqlite.org/pragma.html#pragma_data_version.
"""

from __future__ import annotations

import sqlite3

from falcon_svc.storage.database import Database


class Changes:
    """Tells whether a database may have changed; for one thread.

    Parameters
    ----------
    database
        The database, whose tables are there.

    Examples
    --------
    >>> import tempfile
    >>> from falcon_svc.storage import Changes, Database
    >>> folder = tempfile.TemporaryDirectory()
    >>> database = Database(f"sqlite:///{folder.name}/falcon.db")
    >>> database.migrate()
    >>> changes = Changes(database)
    >>> changes.seen(), changes.seen()
    (True, False)
    >>> changes.close()
    >>> database.close()
    >>> folder.cleanup()
    """

    def __init__(self, database: Database) -> None:
        self._file = database.file
        self._connection: sqlite3.Connection | None = None
        self._last: int | None = None

    def seen(self) -> bool:
        """Return whether it may have changed since this was asked last.

        Returns
        -------
        bool
            True the first time, where the database does not tell, and where it cannot be read.
        """
        before, self._last = self._last, self._commits()
        return self._last is None or self._last != before

    def _commits(self) -> int | None:
        if self._file is None:
            return None
        try:
            if self._connection is None:
                place = f"{self._file.resolve().as_uri()}?mode=rw"  # a missing one is not made
                self._connection = sqlite3.connect(place, uri=True, isolation_level=None)
            (found,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self.close()
            return None
        return int(found)

    def close(self) -> None:
        """Close its connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
