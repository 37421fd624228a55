"""How all tests run: whatever the machine's load, and which first, where several
processes run them (`-n 2 --dist loadfile --no-loadscope-reorder`).

Long ones, so that no process is left alone with one at the end. The tests of a file stay in one
process, so that what they share is made once. Groups of xdist would join files, but xdist 3.8 sets
them by an attribute that pytest 9 no longer reads.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

LONGEST = (
    "api/test_schemathesis.py",
    "cli/test_demo.py",
    "benchmarks/test_service.py",
    "api/test_docs_curl.py",
    "api/test_hostile_files.py",
)
"""Files that take minutes, the longest first."""
LONG = ("long", "slow", "shared")
HERE = Path(__file__).parent
_RANKS = {HERE / name: rank for rank, name in enumerate(LONGEST)}
assert all(path.is_file() for path in _RANKS), "a file of LONGEST has moved"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = {item.path for item in items if any(map(item.get_closest_marker, LONG))}
    last = len(LONGEST)
    items.sort(key=lambda item: _RANKS.get(item.path, last) if item.path in slow else last + 1)
