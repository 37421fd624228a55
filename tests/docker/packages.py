"""What an image's environment lacks of this one, so that tests here can do without it too."""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.architecture.sources import ROOT
from tests.docker.files import project

WITHOUT = Path(__file__).parent / "without"


def lacking_in_api() -> frozenset[str]:
    """Top-level modules that are installed here, and not by the group `api-local`."""
    present = _with_all_needed(project()["dependency-groups"]["api-local"]) | {"falcon-svc"}
    owners = metadata.packages_distributions()
    return frozenset(
        module for module, dists in owners.items() if not present & set(map(_plain, dists))
    ) - {"pip", "setuptools", "_distutils_hack"}


def environment_of_api() -> dict[str, str]:
    """Variables under which Python finds only what the API's image has."""
    path = os.pathsep.join([str(WITHOUT), str(ROOT)])
    return {"PYTHONPATH": path, "WITHOUT_PACKAGES": " ".join(lacking_in_api())}


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
