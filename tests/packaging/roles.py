"""What falcon-svc-slim installs for a role, so that tests here can do without everything else."""

from __future__ import annotations

import os
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.architecture.sources import ROOT

WITHOUT = Path(__file__).parent / "without"
INSTALLERS = {"pip", "setuptools", "_distutils_hack"}


def slim() -> dict[str, Any]:
    return tomllib.loads((ROOT / "slim" / "pyproject.toml").read_text("utf-8"))


def lines_of(*extras: str) -> list[str]:
    """Requirements of the slim installation with these extras."""
    project = slim()["project"]
    return [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]


def brought_by(*extras: str) -> set[str]:
    """Distributions of the slim installation with these extras, those of theirs too."""
    return _with_all_needed(lines_of(*extras))


def lacking_in(*extras: str) -> frozenset[str]:
    """Top-level modules that are installed here, and not with these extras."""
    present = brought_by(*extras) | {"falcon-svc"}
    owners = metadata.packages_distributions()
    return (
        frozenset(
            module for module, dists in owners.items() if not present & set(map(_plain, dists))
        )
        - INSTALLERS
    )


def environment_of(*extras: str) -> dict[str, str]:
    """Variables under which Python finds only what the slim installation has."""
    path = os.pathsep.join([str(WITHOUT), str(ROOT)])
    return {"PYTHONPATH": path, "WITHOUT_PACKAGES": " ".join(lacking_in(*extras))}


def _with_all_needed(lines: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        one = waiting.pop()
        found.add(_plain(one.name))
        for line in metadata.requires(one.name) or []:
            more = Requirement(line)
            wanted = [{"extra": extra} for extra in ("", *one.extras)]
            needed = more.marker is None or any(map(more.marker.evaluate, wanted))
            if needed and _plain(more.name) not in found:
                waiting.append(more)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
