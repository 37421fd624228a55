"""Every link of the documents leads somewhere in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

FOLDERS = (".", "docs", "docs/decisions", "docker", "solver")
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)


def links(path: Path) -> set[str]:
    text = _CODE.sub("code", path.read_text("utf-8"))
    return {link for link in _LINK.findall(text) if "://" not in link}


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_front_page_leads_to_every_document():
    front = links(ROOT / "README.md")
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= {
        link.partition("#")[0] for link in front
    }
