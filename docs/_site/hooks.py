"""Pages of the site that are not written under docs/: documents beside the code, Python's doors.

mkdocs calls `on_config`, `on_files`, `on_page_markdown` and `on_post_page`, in this order.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from formulas import Formulas
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
BESIDE_CODE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "solver/README.md": "solver.md",
    "docker/README.md": "containers.md",
}
"""A document of the repository -> its place on the site."""

FOREIGN = {"Conflict", "DatabaseError", "Session"}
"""Names of doors that are classes of SQLAlchemy, which documents them."""

_LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)\s#]+)(?=[)#])")
_FENCE = re.compile(r"(^```.*?^```)", re.S | re.M)
_FENCE_IN_LIST = re.compile(r"^   ```.*?^   ```", re.S | re.M)
_LINE_IN_LIST = re.compile(r"^   (?! )", re.M)
_LIST_AFTER_TEXT = re.compile(r"^([^\s#|*-].*\n)(?=(?:[-*]|1\.) )", re.M)
_LOADED = re.compile(r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//|<link[^>]+href=\"https?://")


def doors() -> dict[str, list[str]]:
    """Return package -> the names of its ``__all__``, for every package that has one."""
    found = {}
    for path in sorted([*ROOT.glob("falcon_svc/**/__init__.py"), ROOT / "solver/__init__.py"]):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                package = ".".join(path.parent.relative_to(ROOT).parts)
                found[package] = ast.literal_eval(node.value)
    return found


def on_config(config: Any) -> Any:
    """Put decisions under Evidence, a page for each package under Reference; draw formulas."""
    parts = {title: pages for part in config.nav for title, pages in part.items()}
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    parts["Evidence"].append({"Decisions": [f"decisions/{path.name}" for path in decisions]})
    parts["Reference"].append({"Python": [{name: _page(name)} for name in doors()]})
    config.markdown_extensions.append(Formulas())
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the documents that stand beside the code, and the pages of the reference."""
    for source, page in BESIDE_CODE.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, page, content=text))
    for package, names in doors().items():
        files.append(File.generated(config, _page(package), content=_reference(package, names)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make links between files links between pages, and lists what this Markdown calls lists."""
    here = page.file.src_uri
    source = {page: source for source, page in BESIDE_CODE.items()}.get(here, f"docs/{here}")
    parts = _FENCE.split(markdown)
    for i in range(0, len(parts), 2):
        parts[i] = _LINK.sub(lambda m: _moved(m[1], source, here), _with_lists(parts[i]))
    return "".join(parts)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Refuse a page that would load something from elsewhere when it is read."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} loads from elsewhere: {found[0]}...")
    return output


def _with_lists(text: str) -> str:
    """Set lists apart from the text before them, and indent what is in them by four spaces."""
    text = _FENCE_IN_LIST.sub(lambda m: re.sub(r"^(?=.)", " ", m[0], flags=re.M), text)
    return _LIST_AFTER_TEXT.sub(r"\1\n", _LINE_IN_LIST.sub("    ", text))


def _page(package: str) -> str:
    return f"reference/{package}.md"


def _reference(package: str, names: list[str]) -> str:
    errors_last = sorted(set(names) - FOREIGN, key=lambda name: (name.endswith("Error"), name))
    members = "".join(f"        - {name}\n" for name in errors_last)
    options = f"    options:\n      heading_level: 1\n      members:\n{members}"
    return f"::: {package}\n{options}"


def _moved(link: str, source: str, here: str) -> str:
    """Return where `link`, in the document `source`, leads from the page `here`."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    page = BESIDE_CODE.get(target, target.removeprefix("docs/"))
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
