"""Whether a database has changed: every commit of others is seen, and nothing else is."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import text

from falcon_svc.storage import Changes
from tests.storage.records import add_job


def seen(changes, n=1):
    return [changes.seen() for _ in range(n)]


def test_a_commit_is_seen_once_and_a_look_never(database):
    changes = Changes(database)
    assert seen(changes, 3) == [True, False, False] if database.is_sqlite else [True] * 3
    add_job(database)
    assert seen(changes) == [True]
    with database.read() as session:
        session.execute(text("SELECT * FROM jobs")).all()
    with database.write():
        pass  # takes the lock, and writes nothing
    assert seen(changes) == [not database.is_sqlite]
    changes.close()


def test_commits_of_other_processes_are_seen(database):
    changes = Changes(database)
    seen(changes)
    url = database.url.render_as_string(hide_password=False)
    code = (
        f"from falcon_svc.storage import Database; from tests.storage.records import add_job; "
        f"add_job(Database({url!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert seen(changes) == [True]
    changes.close()


def test_a_file_that_cannot_be_read_may_have_changed(database):
    if database.file is None:
        return
    changes = Changes(database)
    seen(changes)
    changes.close()
    aside = database.file.rename(database.file.with_suffix(".aside"))
    assert seen(changes, 2) == [True, True] and not database.file.exists()
    aside.rename(database.file)
    assert seen(changes, 2) == [True, False]
    changes.close()
