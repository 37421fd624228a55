"""docs/operations.md lists every setting as it is, and names tests and codes that there are."""

from __future__ import annotations

import re

import pytest

from falcon_svc.settings import Settings
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


def shown(value: object) -> str:
    if value is None:
        return "not set"
    if value == "":
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_listed_as_it_is(name):
    field = Settings.model_fields[name]
    description = (field.description or "").replace("|", "\\|")
    assert f"| `FALCON_{name.upper()}` | {shown(field.default)} | {description} |" in PAGE


def test_every_test_that_proves_something_is_there():
    texts = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.M)}
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40 and named <= there, named - there


def test_every_finding_of_the_doctor_is_explained():
    source = (ROOT / "falcon_svc" / "service" / "operations" / "doctor.py").read_text("utf-8")
    codes = set(re.findall(r"Finding\(\s*\"(\w+)\"", source))
    assert codes and all(f"`{code}`" in PAGE for code in codes)
