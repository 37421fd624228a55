"""A context without HTTP: a SQLite database, a folder, and who asks."""

from __future__ import annotations

import pytest

from falcon_svc.service.context import Context
from falcon_svc.service.keys import SCOPES, Caller
from falcon_svc.settings import Settings


@pytest.fixture
def make_context(tmp_path):
    made = []

    def make(**settings) -> Context:
        made.append(Context.make(Settings(data_dir=tmp_path / "data", **settings)))
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def context(make_context):
    return make_context()


@pytest.fixture
def ann():
    return Caller("ann", frozenset(SCOPES))


@pytest.fixture
def bob():
    return Caller("bob", frozenset(SCOPES))
