"""What a process that reads a client's bytes cannot reach, tried from inside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from falcon_svc.worker import isolation
from falcon_svc.worker.landlock import REFER_SINCE, TCP_SINCE, version
from falcon_svc.worker.limits import CHECK_FILES

needs_landlock = pytest.mark.skipif(version() < REFER_SINCE, reason="kernel without Landlock")


@pytest.fixture
def place(tmp_path):
    """A data directory of two tenants, and something of the user's beside it."""
    for name in ("data/datasets/ours", "data/datasets/theirs", "data/work/ours", "data/results"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("secret")
    for name in ("data/falcon.db", "data/falcon.db-wal", "data/pepper", "home"):
        (tmp_path / name).write_text("secret")
    return tmp_path


def inside(code: str, place: Path) -> dict:
    """Run code in a fresh process and return what it prints as JSON."""
    prelude = f"""
        import json, os, socket, sys, tempfile
        from functools import partial
        from pathlib import Path
        from falcon_svc.worker.isolation import apart, confine_reader, confine_job
        place = Path({str(place)!r})
        ours, theirs = place / "data/datasets/ours", place / "data/datasets/theirs"

        def tried(do, *given):
            try:
                do(*given)
            except OSError as error:
                return type(error).__name__
            return "done"
    """
    text = dedent(prelude) + dedent(code)
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CHECK = """
    def work():
        import numpy, pyarrow.parquet, PIL.Image, h5py
        from falcon_svc.data import inspect_dataset
        return {
            "own": (ours / "file").read_text(),
            "other": tried((theirs / "file").read_text),
            "listing": tried(os.listdir, place / "data/datasets"),
            "database": tried((place / "data/falcon.db").read_bytes),
            "home": tried((place / "home").read_text),
            "passwd": tried(Path("/etc/passwd").read_text),
            "write": tried((ours / "new").write_text, "x"),
            "temporary": tried(Path("/tmp/falcon-isolation").write_text, "x"),
            "environment": tried(Path(f"/proc/{os.getppid()}/environ").read_bytes),
            "signal": tried(os.kill, os.getppid(), 0),
        }

    print(json.dumps(apart(work, partial(confine_reader, [ours]))))
"""


@needs_landlock
def test_a_check_sees_the_program_and_one_data_set(place):
    found = inside(CHECK, place)
    assert found.pop("own") == "secret"
    if version() < 6:
        found.pop("signal")
    assert set(found.values()) == {"PermissionError"}, found


@needs_landlock
@pytest.mark.skipif(version() < TCP_SINCE, reason="kernel whose Landlock knows no TCP")
def test_a_check_has_no_network(place):
    code = """
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            work = lambda: {"tcp": tried(socket.create_connection, address, 1)}
            print(json.dumps(apart(work, partial(confine_reader, [ours]))))
    """
    assert inside(code, place)["tcp"] != "done"


JOB = """
    database = place / "data/falcon.db"
    own = [place / "data/work/ours", place / "data/results"]
    confine_job([place / "data"], shown=[ours], own=own, database=database)
    (own[0] / "tmp/part").write_text("x")
    found = {
        "own": (ours / "file").read_text(),
        "moved": str((own[0] / "file").rename(own[1] / "moved").exists()),
        "database": tried(database.write_text, "x"),
        "log": tried((place / "data/falcon.db-wal").write_text, "x"),
        "home": (place / "home").read_text(),
        "passwd": tried(Path("/etc/passwd").read_text),
        "temporary": tempfile.gettempdir(),
    }
    refused = {
        "other": tried((theirs / "file").read_text),
        "listing": tried(os.listdir, place / "data"),
        "overwritten": tried((ours / "file").write_text, "x"),
        "removed": tried((theirs / "file").unlink),
        "linked": tried(os.link, theirs / "file", own[0] / "link"),
        "renamed": tried((theirs / "file").rename, own[0] / "mine"),
        "pepper": tried((place / "data/pepper").read_text),
        "through a link": tried((place / "data/link/file").read_text),
        "through a link from outside": tried((place / "link/file").read_text),
    }
    print(json.dumps([found, refused]))
"""


@needs_landlock
def test_a_job_sees_nothing_of_other_tenants(place):
    (place / "data/link").symlink_to(place / "data/datasets/theirs")
    (place / "link").symlink_to(place / "data/datasets/theirs")
    found, refused = inside(JOB, place)
    assert found == {
        "own": "secret",
        "moved": "True",
        "database": "done",
        "log": "done",
        "home": "secret",
        "passwd": "done",
        "temporary": str(place / "data/work/ours/tmp"),
    }
    assert "done" not in refused.values(), refused
    assert (place / "data/work/ours/tmp").stat().st_mode & 0o777 == 0o700


def test_a_check_has_its_limits(place):
    code = """
        import resource
        from falcon_svc.worker.limits import limit_reader, reading_s
        from falcon_svc.settings import Settings

        def work():
            names = ("CPU", "NOFILE", "DATA", "FSIZE")
            return {n: resource.getrlimit(getattr(resource, f"RLIMIT_{n}"))[1] for n in names}

        seconds = reading_s(Settings(), 10 * 2**20)
        confine = partial(limit_reader, Settings(), seconds, os.getpid())
        print(json.dumps(apart(work, confine)))
    """
    memory = 4 * 2**30
    found = inside(code, place)
    assert 0 < found.pop("DATA") - memory < 2**30  # beyond what it had loaded
    assert found == {"CPU": 65, "NOFILE": CHECK_FILES, "FSIZE": 0}


@pytest.mark.parametrize(
    "work",
    [
        "os._exit(0)",
        "os.kill(os.getpid(), 11)",
        "1 / 0",
        "bytes(10**13)",
        f"'x' * {isolation.MOST_BYTES}",
    ],
)
def test_a_check_that_dies_or_says_too_much_says_nothing(place, work):
    code = f"print(json.dumps(apart(lambda: {work}, lambda: None)))"
    assert inside(code, place) is None
