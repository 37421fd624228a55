"""What a service says that it can read is what its jobs can read."""

from __future__ import annotations

import sys

import pytest

from falcon_svc.service.context import Context, prepare
from falcon_svc.service.system import FORMATS, formats
from falcon_svc.settings import Settings


@pytest.fixture
def context(tmp_path):
    settings = Settings(data_dir=tmp_path / "data")
    prepare(settings)
    return Context.make(settings)


def test_formats_are_those_that_are_installed(context, monkeypatch):
    assert ".h5ad" in formats(context, own_worker=True)
    monkeypatch.setitem(sys.modules, "h5py", None)
    here = formats(context, own_worker=True)
    assert set(FORMATS) - set(here) == {".h5ad"}
    assert formats(context, own_worker=False) == FORMATS  # a worker elsewhere has its own packages
