"""The program's own source files as syntax trees, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("falcon_svc", "solver", "benchmarks")


@dataclass(frozen=True)
class Module:
    """One file; `package` is ``solver`` or the first two names, such as ``falcon_svc.data``."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax; parsed when it is asked for, as most tests ask for few files' or for none."""
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def package(self) -> str:
        return self.name if self.name.startswith("solver") else ".".join(self.name.split(".")[:2])

    @property
    def folder(self) -> list[str]:
        """Names of the package that relative imports start from."""
        return list(self.path.relative_to(ROOT).parts[:-1])

    def imports(self, *, at_import_time: bool = False) -> set[str]:
        """Absolute names of imported modules, and of what is imported from them."""
        return set(self._at_import_time if at_import_time else self._anywhere)

    @cached_property
    def _anywhere(self) -> frozenset[str]:
        return self._names(ast.walk(self.tree))

    @cached_property
    def _at_import_time(self) -> frozenset[str]:
        return self._names(_top_level(self.tree))

    def _names(self, nodes: Iterable[ast.AST]) -> frozenset[str]:
        return frozenset(name for node in nodes for name in _imported(node, self.folder))


@cache
def modules() -> tuple[Module, ...]:
    """Every Python file of falcon_svc, solver and benchmarks."""
    paths = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))
    return tuple(Module(path, path.read_text("utf-8")) for path in paths)


def within(*packages: str) -> list[Module]:
    """The modules of these packages."""
    return [m for m in modules() if any(is_part(m.name, package) for package in packages)]


def is_part(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _imported(node: ast.AST, folder: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = folder[: len(folder) + 1 - node.level] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run on import: nothing inside functions, nothing for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _top_level(node)
