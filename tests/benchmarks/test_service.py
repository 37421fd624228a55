"""The service benchmark: its parts, and all cases once in small; no time is judged here."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.service import __main__ as service_bench
from benchmarks.service.drive import Tally
from benchmarks.service.jobs import SHARES, fairness
from benchmarks.service.processes import Watch, children, command, cpu_s, is_there, rss_bytes
from benchmarks.service.row import MIB, QUICK, Row, Sizes
from benchmarks.service.streams import Stream
from benchmarks.service.transfers import PIECE_BYTES, File
from falcon_svc.errors import ConfigError, FalconError
from tests.api.running import wait_until

TINY = Sizes(
    model_samples=400,
    model_fine=20,
    dim=8,
    job_samples=200,
    jobs=1,
    small_jobs=1,
    seconds=0.5,
    connections=4,
    kills=1,
    uploads=2,
    upload_bytes=3 * 10**6,
    part_bytes=MIB,
    soak_s=2.0,
    streams=6,
    stream_jobs=3,
    reconnect_s=0.5,
    predictions=2,
    sockets=3,
    overload=2,
    downloads=2,
    download_bytes=4 * MIB,
    range_bytes=MIB,
    cancels=1,
    jobs_listed=250,
    queued_fair=30,
)


def test_quick_is_full_with_less_of_some_things():
    less = {f.name for f in fields(Sizes) if getattr(QUICK, f.name) != getattr(Sizes(), f.name)}
    assert less == {
        "seconds", "kills", "upload_bytes", "part_bytes", "predictions", "download_bytes",
        "range_bytes", "cancels", "small_jobs", "jobs_listed", "queued_fair",
    }  # fmt: skip
    assert all(getattr(QUICK, name) < getattr(Sizes(), name) for name in less)


@pytest.mark.parametrize("size_bytes", [1, PIECE_BYTES, 3 * PIECE_BYTES + 17])
def test_a_made_up_file_is_the_same_in_parts_and_as_a_whole(size_bytes):
    file = File(3, size_bytes)
    whole = b"".join(file.pieces())
    assert len(whole) == size_bytes and file.sha256() == hashlib.sha256(whole).hexdigest()
    starts = range(0, size_bytes, PIECE_BYTES)
    parts = [b"".join(file.pieces(first, min(PIECE_BYTES, size_bytes - first))) for first in starts]
    assert b"".join(parts) == whole
    assert whole != b"".join(File(4, size_bytes).pieces())


def test_a_stream_notes_events_and_its_end():
    stream = Stream("job_1", began=datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    stream._take(": still here")
    stream._take('id: 1\nevent: state\ndata: {"at": "2025-12-31T23:59:59Z", "state": "queued"}')
    stream._take('id: 2\nevent: progress\ndata: {"at": "2026-01-01T00:00:01Z", "done": 1}')
    assert stream.seqs == [1, 2] and len(stream.delays_s) == 1 and not stream.ended
    stream._take('id: 3\nevent: state\ndata: {"at": "2026-01-01T00:00:02Z", "state": "failed"}')
    assert stream.ended


def test_turns_of_very_unequal_tenants_are_fair():
    (row,) = fairness(None, replace(TINY, queued_fair=60))
    assert row.passed and row.figures["worst_share"] >= 1.0
    assert f"{len(SHARES)} tenants" in row.what


def test_processes_are_seen_as_they_are():
    import os
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: rss_bytes(child.pid) > 2**20 and "input()" in command(child.pid))
        assert child.pid in children(os.getpid())
        assert is_there(child.pid)
        with Watch(child.pid, [], [child.pid]) as watch:
            assert sum(range(10**6)) and cpu_s(os.getpid()) > 0
        assert watch.peak_rss_bytes >= watch.first_rss_bytes > 2**20
        assert watch.circumstances.job_cores == 0
    finally:
        child.communicate(b"\n")
    assert not is_there(child.pid) and command(child.pid) == "" and rss_bytes(child.pid) == 0


def test_the_table_tells_what_failed():
    rows = [Row("a", "what", "< 1", "2", passed=False), Row("b", "what", "> 1", "2", passed=True)]
    lines = service_bench._table(rows).splitlines()
    assert "FAIL" in lines[2] and "pass" in lines[3]


def test_a_case_that_breaks_off_is_a_row():
    def case(_site, _sizes):
        raise FalconError("Expected one thing, found another.")

    (row,) = service_bench._rows("name", case, None, TINY)
    assert not row.passed and "found another" in row.measured


def test_what_cannot_be_run_is_refused_before_anything_starts(monkeypatch):
    with pytest.raises(ConfigError, match="nonsense"):
        service_bench.run(only=["status", "nonsense"])
    with pytest.raises(ConfigError, match="GB free"):
        service_bench.run(sizes=replace(TINY, upload_bytes=10**15))
    monkeypatch.setattr(service_bench, "PROC", Path("/nowhere"))
    with pytest.raises(ConfigError, match="Linux"):
        service_bench.run(sizes=TINY)


def test_a_tally_judges_no_answers_as_errors():
    tally = Tally()
    tally.add(None, 1.0)
    assert tally.errors == 1 and not tally.waits_s


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_case_runs_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    json_path = tmp_path / "service.json"
    service_bench.run(json_path, sizes=TINY)
    rows = json.loads(json_path.read_text("utf-8"))["rows"]
    assert list(dict.fromkeys(row["case"] for row in rows)) == list(service_bench.CASES)
    right = {row["case"]: row["figures"] for row in rows}
    assert {row["case"]: row["measured"] for row in rows if not row["figures"]} == {}
    assert right["submits"]["lost"] == 0 and right["submits"]["acknowledged"] > 0
    assert right["uploads"]["equal"] == right["downloads"]["equal"] == 2
    assert right["streams"]["wrong_streams"] == 0 and right["streams"]["events"] > 0
    assert right["overload"]["errors"] == right["slow_clients"]["errors"] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["service.json"]
    assert not [pid for pid in _everybody() if str(tmp_path) in command(pid)]


def _everybody():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
