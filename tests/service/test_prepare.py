"""What is refused before a service starts: one sentence each, nothing made or changed."""

from __future__ import annotations

import socket
import sys

import pytest

from falcon_svc.errors import ConfigError, MissingExtraError, StorageError
from falcon_svc.service.context import prepare
from falcon_svc.service.operations.doctor import Doctor
from falcon_svc.settings import Settings
from falcon_svc.storage import Database


def test_a_new_data_directory_is_made(tmp_path):
    settings = Settings(data_dir=tmp_path / "new" / "data")
    prepare(settings)
    prepare(settings)
    assert Database(settings.database).is_current
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="could not be made"):
        prepare(Settings(data_dir=tmp_path / "file" / "data"))


def test_a_damaged_database(tmp_path):
    (tmp_path / "falcon.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="sound database") as raised:
        prepare(Settings(data_dir=tmp_path))
    assert raised.value.code == "database_damaged"


def test_a_database_that_does_not_answer(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"postgresql://ann:secret@127.0.0.1:{taken.getsockname()[1]}/x"
        settings = Settings(data_dir=tmp_path, database_url=url)
        with pytest.raises(StorageError, match="to answer") as raised:
            prepare(settings)
        assert [one.code for one in Doctor(settings).findings() if one.code != "low_disk"] == [
            "database_unavailable"
        ]
    assert raised.value.code == "database_unavailable" and "secret" not in str(raised.value)


def test_a_database_without_its_driver(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"\[postgres\]"):
        prepare(Settings(data_dir=tmp_path, database_url="postgresql://127.0.0.1/x"))


def test_a_database_of_another_kind(tmp_path):
    with pytest.raises(ConfigError, match="SQLite or Postgres"):
        prepare(Settings(data_dir=tmp_path, database_url="mysql://127.0.0.1/x"))
