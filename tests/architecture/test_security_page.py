"""The security page names a test for every attack of the list, and each of these exists."""

from __future__ import annotations

import re

from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([ABT]\d+)(?:-[ABT]?(\d+))? \|.*?`(\w+)\.(\w+)` \|$", PAGE, re.M)
LISTS = {"B": 62, "A": 24, "T": 14}
ATTACKS = {f"{letter}{n}" for letter, most in LISTS.items() for n in range(1, most + 1)}


def test_every_attack_has_a_row():
    named = set()
    for first, last, _, _ in ROWS:
        start = int(first[1:])
        named |= {f"{first[0]}{n}" for n in range(start, int(last or start) + 1)}
    assert named == ATTACKS


def test_every_named_test_exists():
    for _, _, module, name in ROWS:
        files = (ROOT / "tests").rglob(f"{module}.py")
        assert any(f"def {name}(" in file.read_text("utf-8") for file in files), f"{module}.{name}"


def test_every_setting_on_the_page_exists():
    from falcon_svc.settings import Settings

    known = {f"FALCON_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"FALCON_[A-Z_]+", PAGE)) <= known
