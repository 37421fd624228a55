"""How all tests run: whatever the machine's load, and which first, where several
processes run them (`-n 2 --dist loadfile`).

Long ones, so that no process is left alone with one at the end. The tests of a file stay in one
process, so that what they share is made once. Groups of xdist would join files, but xdist 3.8 sets
them by an attribute that pytest 9 no longer reads.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how busy the machine is.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

LONG_FIRST = ("long", "slow", "shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not any(map(item.get_closest_marker, LONG_FIRST)))
