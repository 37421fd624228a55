"""Migrations, durability settings, ids, and the artifact store."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from falcon_svc.errors import ConfigError, StorageError
from falcon_svc.storage import ArtifactStore, Database, DatabaseError, is_full
from falcon_svc.storage.ids import PATTERN, new_id
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.tables import Base
from tests.storage.records import add_dataset, add_job, job_of

API_THREADS = 40
"""What Starlette works with at once."""


def test_migrations_make_the_tables_that_the_code_has(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database):
    job_id = add_job(database)
    database.migrate()
    assert job_of(database, job_id).state == "queued"


def test_all_migrations_are_one_transaction(tmp_path):
    """Else a process that comes in between sees some of them, and does the others again."""
    database, commits = Database(f"sqlite:///{tmp_path}/new.db"), []
    event.listen(database.engine, "commit", commits.append)
    database.migrate()
    assert len(commits) == 1 and database.is_current
    database.close()


def add_jobs(database, n):
    for _ in range(n):
        add_job(database)


def test_processes_that_start_together_migrate_in_turn(database):
    """Every process of a service does so at its start; each has a `Database` of its own."""
    with database.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    url = database.url.render_as_string(hide_password=False)
    code = f"from falcon_svc.storage import Database; Database({url!r}).migrate()"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [other.wait(60) for other in others] == [0, 0, 0]
    assert database.is_current


def test_tables_of_a_newer_release_are_refused(database):
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not database.is_current
    with pytest.raises(ConfigError, match="newer release") as raised:
        database.migrate()
    assert raised.value.code == "newer_database"


def test_a_sound_database_has_no_faults_and_a_damaged_one_does(tmp_path):
    path = tmp_path / "f.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    add_jobs(database, 20)
    assert database.faults() == database.faults(thorough=True) == []
    database.close()
    content = bytearray(path.read_bytes())
    for page in (0, 4, len(content) // 4096 - 1):
        hurt = content[:]
        hurt[page * 4096 : (page + 1) * 4096] = bytes(4096)
        path.write_bytes(hurt)
        damaged = Database(f"sqlite:///{path}")
        assert damaged.faults() and damaged.faults(thorough=True)
        damaged.close()


def test_a_full_database_is_told_from_one_that_is_away(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'f.db'}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # the pages it has, at least
    with pytest.raises(DatabaseError) as raised:
        add_jobs(database, 200)
    assert is_full(raised.value)
    away = Database(f"sqlite:///{tmp_path}")
    with pytest.raises(DatabaseError) as raised:
        away.check()
    assert not is_full(raised.value)


def fails_after_deleting(database):
    with database.write() as session:
        session.execute(text("DELETE FROM events"))
        raise ZeroDivisionError


def test_a_failed_transaction_leaves_nothing(database):
    job_id = add_job(database)
    with pytest.raises(ZeroDivisionError):
        fails_after_deleting(database)
    with database.read() as session:
        assert session.scalar(text("SELECT count(*) FROM events")) == 1
    assert job_of(database, job_id).version == 1


def test_every_thread_of_the_api_gets_a_connection_at_once(database):
    """More would wait for half a minute, and then fail with no database's error."""
    with ExitStack() as together:
        for _ in range(API_THREADS):
            session = together.enter_context(database.read())
            assert session.scalar(text("SELECT 1")) == 1


def test_sqlite_commits_survive_a_power_loss(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'f.db'}")
    with database.engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 15_000,
    }
    database.close()


def test_other_databases_are_refused():
    with pytest.raises(ConfigError, match="SQLite or Postgres"):
        Database("mysql://localhost/x")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(ConfigError, match="gone when the process ends"):
        Database(url)


def test_ids_sort_by_time_and_do_not_repeat():
    first = new_id("job")
    time.sleep(0.002)
    many = [new_id("job") for _ in range(1_000)]
    assert all(PATTERN.match(found) and found > first for found in many)
    assert len(set(many)) == 1_000


@pytest.mark.parametrize("url", ["{tmp}/store", "memory://store"])
def test_artifacts_come_back_and_go_away(tmp_path, url):
    store = ArtifactStore(url.format(tmp=tmp_path), tmp_path / "cache")
    result = tmp_path / "result"
    result.mkdir()
    for name in ("a.txt", "discovery.json"):
        (result / name).write_text(name)
    store.put_directory(result, "results/job_1/1", last="discovery.json")
    path = store.local_path("results/job_1/1")
    assert {p.name: p.read_text() for p in path.iterdir()} == {
        "a.txt": "a.txt",
        "discovery.json": "discovery.json",
    }
    (tmp_path / "up").write_bytes(b"x")
    store.put_file(tmp_path / "up", "datasets/d/data.npz")
    assert not (tmp_path / "up").exists()
    assert store.local_path("datasets/d/data.npz").read_bytes() == b"x"
    for key in ("datasets/d/data.npz", "results/job_1/1"):
        store.remove(key)
        with pytest.raises(StorageError) as raised:
            store.local_path(key)
        assert raised.value.code == "artifact_missing"


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "storage_full"), (errno.EIO, "storage")]
)
def test_a_store_that_takes_nothing_says_why_and_shows_no_paths(
    tmp_path, monkeypatch, number, code
):
    store = ArtifactStore(str(tmp_path / "store"), tmp_path / "cache")
    (tmp_path / "up").write_bytes(b"x")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError) as raised:
        store.put_file(tmp_path / "up", "datasets/d/data.npz")
    assert raised.value.code == code and str(tmp_path) not in str(raised.value)


def test_a_file_from_another_disk_appears_whole(tmp_path, monkeypatch):
    store = ArtifactStore(str(tmp_path / "store"), tmp_path / "cache")
    source, rename = tmp_path / "up", Path.rename
    source.write_bytes(b"x" * 10)

    def across(self, target):
        if self == source:
            raise OSError(errno.EXDEV, "another disk")
        assert self.read_bytes() == b"x" * 10
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", across)
    store.put_file(source, "datasets/d/data.npz")
    assert store.names("datasets/d") == ["data.npz"] and not source.exists()
    assert store.sha256_of("datasets/d/data.npz") == sha256(b"x" * 10).hexdigest()
    assert store.sha256_of("datasets/d/none") is store.text("datasets/d/none") is None


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../b", "a//b", ""])
def test_keys_that_are_not_ours_are_bugs(tmp_path, key):
    with pytest.raises(AssertionError):
        ArtifactStore(str(tmp_path), tmp_path / "c").local_path(key)


def test_what_is_deleted_is_nowhere_in_the_files(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'f.db'}")
    database.migrate()
    mark = "the-name-of-a-patient"
    dataset = add_dataset(database)
    with database.write() as session:
        job = JobRepository(session).add("a", dataset.id, {"note": mark}, {"who": mark})
        JobRepository(session).cancel(job.id, keep_s=1)
    stored = [path for path in tmp_path.iterdir() if mark.encode() in path.read_bytes()]
    assert stored
    with database.write() as session:
        assert JobRepository(session).delete(job.id)
    database.empty_log()
    assert not [path for path in tmp_path.iterdir() if mark.encode() in path.read_bytes()]
    database.close()
