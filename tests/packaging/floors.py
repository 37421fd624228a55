"""Which packages that pyproject.toml names are installed above their floors: `make lowest` tries no
floor that another package lifts.

    python -m tests.packaging.floors
"""

from __future__ import annotations

import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from tests.docker.files import project


def named() -> list[Requirement]:
    """What the project needs, with every extra, and its tests."""
    whole = project()
    extras = whole["project"]["optional-dependencies"].values()
    lines = [whole["project"]["dependencies"], *extras, whole["dependency-groups"]["dev"]]
    return [Requirement(line) for some in lines for line in some]


def above_floor(one: Requirement, installed: str) -> bool:
    """Whether the version is of a later release than the floor: 3.2.1 is of the release 3.2."""
    floor = Version(next(iter(one.specifier)).version).release
    return Version(installed).release[: len(floor)] > floor


def untried() -> list[str]:
    """A sentence for each floor that an installed package stands above."""
    present = {one.name: one for one in named()}
    found = {name: _version(name) for name in present}
    return [
        f"{name} {found[name]} is installed, lifted by another package: {one} is not tried; "
        "raise the floor."
        for name, one in present.items()
        if found[name] and above_floor(one, found[name])
    ]


def _version(name: str) -> str:
    """Installed version, empty where the package is absent: not every extra is installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


if __name__ == "__main__":
    sys.exit("\n".join(untried()) or None)
