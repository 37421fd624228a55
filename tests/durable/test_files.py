"""What is to be durable is synced, and a disk that does not take it is one sentence with a code."""

from __future__ import annotations

import errno
import os

import pytest

from falcon_svc.durable import files as durable
from falcon_svc.durable.files import storage_errors, sync, sync_file
from falcon_svc.errors import StorageError
from tests.architecture.sources import modules


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "storage_full"), (errno.EDQUOT, "storage_full"), (errno.EIO, "storage")],
)
def test_errors_of_the_disk_are_one_sentence(number, code):
    with (
        pytest.raises(StorageError, match="The page could not be written") as refused,
        storage_errors("The page could not be written", remedy="use another disk"),
    ):
        raise OSError(number, os.strerror(number))
    assert refused.value.code == code and "use another disk" in str(refused.value)


def test_files_and_folders_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(durable.os, "fsync", lambda fd: synced.append(os.fstat(fd).st_ino))
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.write(b"x")
        sync_file(file)
        assert path.read_bytes() == b"x"  # nothing is left in a buffer
    sync(path)
    sync(tmp_path)
    assert synced == [path.stat().st_ino, path.stat().st_ino, tmp_path.stat().st_ino]


def test_there_is_one_place_that_syncs():
    users = {m.name for m in modules() if "os.fsync" in m.text}
    assert users == {"falcon_svc.durable.files"}
