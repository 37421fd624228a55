"""What later stages need is loaded beside the first ones, and nothing is hidden by that."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from falcon_svc.pipeline.ahead import loaded_ahead


@pytest.mark.parametrize("threads", ["1", "2"])
def test_it_ends_with_what_happens_inside_whatever_cannot_be_loaded(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    before = threading.active_count()
    with loaded_ahead(["no.such.module", "json"]):
        pass
    assert threading.active_count() == before


def test_what_is_needed_later_is_what_the_door_leaves_out():
    code = """
import sys, falcon_svc.pipeline.discover
from falcon_svc.pipeline.ahead import NEEDED_LATER, _load

heavy = {"torch", "ortools", "pandas", "faiss", "matplotlib", "networkx"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
_load(NEEDED_LATER)
assert {"torch", "ortools", "matplotlib"} <= set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
