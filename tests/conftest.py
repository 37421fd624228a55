"""Which tests run in one process, and which first, where several processes run them (`-n`).

What many tests need is made once per process: so tests that share a fixture of their folder stay
together, and those of a file. Long ones come first, so that no process is left with one at the end.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

LONG_FIRST = ("long", "slow", "shared")


@pytest.hookimpl(wrapper=True)  # before all others: xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, None, None]:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_home(item)))
    items.sort(key=lambda item: not any(map(item.get_closest_marker, LONG_FIRST)))
    return (yield)


def _home(item: pytest.Item) -> str:
    """The folder whose fixtures the test shares with other files, else its file."""
    known = getattr(item, "_fixtureinfo", None)
    for fixtures in known.name2fixturedefs.values() if known else ():
        if fixtures[-1].scope == "session" and fixtures[-1].baseid.startswith("tests/"):
            return fixtures[-1].baseid
    return item.nodeid.partition("::")[0]
