"""Local copies of what a store keeps elsewhere: whole, one per key, gone with the original."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from falcon_svc.errors import StorageError
from falcon_svc.storage import ArtifactStore


@pytest.fixture
def elsewhere(tmp_path):
    """A store that is no folder, with one result of two files."""
    store = ArtifactStore("memory://elsewhere", tmp_path / "cache")
    (tmp_path / "result").mkdir()
    for name in ("report.html", "discovery.json"):
        (tmp_path / "result" / name).write_text(name)
    store.put_directory(tmp_path / "result", "results/job_1/1", last="discovery.json")
    yield store
    store.remove("results/job_1")


def test_a_copy_of_one_file_is_not_taken_for_its_directory(elsewhere):
    assert elsewhere.local_path("results/job_1/1/report.html").read_text() == "report.html"
    whole = elsewhere.local_path("results/job_1/1")
    assert sorted(path.name for path in whole.iterdir()) == ["discovery.json", "report.html"]


def test_readers_at_once_all_get_a_whole_copy(elsewhere):
    barrier = Barrier(8)

    def read(_):
        barrier.wait()
        return (elsewhere.local_path("results/job_1/1") / "discovery.json").read_text()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(8))) == ["discovery.json"] * 8
    assert [path.name for path in elsewhere.cache.iterdir()] == ["results@job_1@1"]


def test_copies_go_with_what_they_are_copies_of(elsewhere):
    elsewhere.local_path("results/job_1/1")
    elsewhere.local_path("results/job_1/1/report.html")
    elsewhere.remove("results/job_1")
    assert list(elsewhere.cache.iterdir()) == []
    with pytest.raises(StorageError):
        elsewhere.local_path("results/job_1/1/report.html")
