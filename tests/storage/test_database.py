"""Migrations, durability settings, ids, and the artifact store."""

from __future__ import annotations

import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from falcon_svc.errors import ConfigError, StorageError
from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.ids import PATTERN, new_id
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.tables import Base
from tests.storage.records import add_dataset, add_job, job_of


def test_migrations_make_the_tables_that_the_code_has(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(database):
    job_id = add_job(database)
    database.migrate()
    assert job_of(database, job_id).state == "queued"


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
