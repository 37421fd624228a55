"""The doctor finds each thing that is wrong, by its code, and nothing in a sound directory."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import namedtuple
from hashlib import sha256

import pytest

from falcon_svc.cli.main import run
from falcon_svc.errors import ConfigError
from falcon_svc.service import datasets, uploads
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.operations import orphans
from falcon_svc.service.operations.doctor import Doctor
from falcon_svc.service.operations.housekeeping import sweep
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.service.staging import Staging
from falcon_svc.settings import Settings
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.ids import new_id
from falcon_svc.storage.jobs import JobRepository
from tests.storage.records import KEEP_S, claimed, do

CALLER = Caller("a", frozenset({"write"}))
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def context(tmp_path, monkeypatch):
    """A sound data directory: a data set, a job with its result, a key."""
    monkeypatch.setattr(orphans, "STRAY_S", -1.0)  # nothing is too young to be judged
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))
    made = Context.make(Settings(data_dir=tmp_path / "data"))
    arrival = uploads.Arrival(made.staging.new_file())
    arrival.write(b"content")
    whole = arrival.whole("a.npz")
    dataset, _ = datasets.add(made, CALLER, whole, {}, {}, key=None)
    with made.database.write() as session:
        DatasetRepository(session).validated(dataset.id, summary={}, error=None)
        job = JobRepository(session).add("a", dataset.id, {}, {})
    claimed(made.database)
    key = _publish(made, job.id, 1)
    done = {"result_key": key, "summary": {}, "measured": {}, "keep_s": KEEP_S}
    do(made.database, "succeed", job.id, 1, **done)
    made.keyring.make("a", frozenset({"read"}), name="")
    yield made
    made.close()


def _publish(context, job_id, number) -> str:
    key = f"results/{job_id}/{number}"
    folder = context.artifacts.make_folder(key)
    document = {"files": {"a.txt": sha256(b"a").hexdigest()}}
    (folder / "a.txt").write_bytes(b"a")
    (folder / "model.zip").write_bytes(b"zip")
    (folder / "discovery.json").write_text(json.dumps(document))
    return key


def findings(context, **given):
    return [(one.code, one.subject) for one in Doctor(context.settings, **given).findings()]


def dataset_key(context) -> str:
    (key, _) = next(iter(orphans.Named.of(context.database).datasets.values()))
    return key


def result_key(context) -> str:
    (key, _) = next(iter(orphans.Named.of(context.database).jobs.values()))
    return key


def file(context, key):
    return context.settings.data_dir / "artifacts" / key


def test_a_sound_directory_has_no_findings(context):
    assert findings(context) == []


def test_files_that_are_gone_or_changed(context):
    key, text = dataset_key(context), f"{result_key(context)}/a.txt"
    file(context, key).unlink()
    file(context, text).write_bytes(b"b")
    assert findings(context) == [("file_missing", key), ("file_damaged", text)]
    assert findings(context, quick=True) == [("file_missing", key)]


@pytest.mark.parametrize("name", ["discovery.json", "model.zip"])
def test_a_file_of_a_result_that_is_gone(context, name):
    key = f"{result_key(context)}/{name}"
    file(context, key).unlink()
    assert findings(context) == [("file_missing", key)]


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_document_that_cannot_be_read(context, text):
    key = f"{result_key(context)}/discovery.json"
    file(context, key).write_text(text)
    assert findings(context) == [("file_damaged", key)]


def test_files_without_rows_are_named_and_then_swept(context):
    job_id = result_key(context).split("/")[1]
    strays = [f"datasets/{new_id('ds')}", f"results/{job_id}/7", f"results/{new_id('job')}/1"]
    for key in strays:
        (context.artifacts.make_folder(key) / "x").write_bytes(b"x")
    found = findings(context)
    assert sorted(found) == sorted(("orphan_file", key) for key in strays)
    sweep(context, Vitals())
    assert findings(context) == []


def test_what_the_young_leave_is_not_judged_yet(context, monkeypatch):
    monkeypatch.setattr(orphans, "STRAY_S", 3600.0)
    context.artifacts.make_folder(f"datasets/{new_id('ds')}")
    context.artifacts.make_folder(f"results/{result_key(context).split('/')[1]}/7")
    assert findings(context) == []


def test_work_of_ended_jobs(context):
    folder = context.settings.data_dir / "work" / result_key(context).split("/")[1]
    folder.mkdir(parents=True)
    assert findings(context) == [("stale_work", str(folder))]


def test_what_dead_processes_and_uploads_left(context):
    staging = context.staging.root
    alive, dead = Staging(staging), Staging(staging)
    alive.own.mkdir(exist_ok=True)
    left = dead.own
    os.close(dead._lock)  # as its process's end would
    upload = uploads.begin(context, CALLER, "a.npz", 5)
    for path in (staging / upload.id, staging / new_id("up")):
        path.mkdir()
    assert findings(context) == [("stale_upload", str(left)), ("stale_upload", str(path))]
    sweep(context, Vitals())
    assert findings(context) == []
    assert alive.own.is_dir() and (staging / upload.id).is_dir()
    alive.close()


def test_a_disk_that_is_nearly_full(context, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 2**20))
    assert findings(context) == [("low_disk", str(context.settings.data_dir))]


def test_a_lost_pepper(context):
    (context.settings.data_dir / "pepper").unlink()
    assert findings(context) == [("pepper_missing", "pepper")]


def test_tables_of_another_release(context):
    with context.database.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert [code for code, _ in findings(context)] == ["database_version"]


def test_references_to_nothing(context):
    with sqlite3.connect(context.settings.data_dir / "falcon.db") as raw:
        raw.execute("DELETE FROM datasets")
    raw.close()
    assert [code for code, _ in findings(context)] == ["database_damaged"]


def test_nothing_is_made_where_there_is_nothing(tmp_path):
    with pytest.raises(ConfigError, match="no database"):
        Doctor(Settings(data_dir=tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_tells_by_its_exit_code(context, capsys, monkeypatch):
    monkeypatch.delenv("FALCON_DATA_DIR", raising=False)
    arguments = ["doctor", "--data-dir", str(context.settings.data_dir)]
    assert run(arguments) == 0
    assert capsys.readouterr().out == "ok\n"
    file(context, dataset_key(context)).unlink()
    assert run(arguments) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 findings"
    assert run([*arguments, "--quick", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["ok"], document["findings"][0]["code"]) == (False, "file_missing")
    monkeypatch.delenv("FALCON_DATA_DIR")
