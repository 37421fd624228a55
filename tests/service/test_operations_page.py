"""docs/operations.md lists every setting with its default and meaning."""

from __future__ import annotations

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
