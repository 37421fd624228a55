"""The check of `make lowest` that every floor is tried."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from tests.packaging import floors


@pytest.mark.parametrize(
    ("line", "installed", "above"),
    [
        ("a>=3.2", "3.2", False),
        ("a>=3.2", "3.2.1", False),  # there may be no 3.2.0
        ("a>=3.2", "3.3.0", True),
        ("a>=9", "9.12.4544", False),
        ("a>=2.10", "2.10.0+cpu", False),
        ("a>=2024.10", "2026.9.0", True),
    ],
)
def test_a_release_above_its_floor(line, installed, above):
    assert floors.above_floor(Requirement(line), installed) == above


def test_a_lifted_floor_is_a_sentence(monkeypatch):
    kept = {"rich": "13.9.4", "numpy": "99.1"}
    monkeypatch.setattr(floors, "_version", lambda name: kept.get(name, ""))
    (told,) = floors.untried()
    assert told.startswith("numpy 99.1 is installed") and "raise the floor" in told


def test_every_package_has_one_floor_and_says_it_once():
    said = [(one.name, str(one.specifier)) for one in floors.named()]
    assert {specifier.count(",") for _, specifier in said} == {0}
    assert len({name for name, _ in said}) == len(set(said))
