"""A result, and a client that has entered its page."""

from __future__ import annotations

import pytest

from tests.review.local import SHAPE, client_of
from tests.triage.reviews import write_result


@pytest.fixture
def directory(tmp_path):
    write_result(tmp_path / "result", **SHAPE)
    return tmp_path / "result"


@pytest.fixture
def http(directory):
    return client_of(directory)
