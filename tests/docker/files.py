"""The container files, read as Docker would: instructions, services, variables."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from dataclasses import dataclass
from typing import Any

import yaml

from tests.architecture.sources import ROOT

DOCKER = ROOT / "docker"
IMAGES = ("api", "worker")
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class Dockerfile:
    """Instructions in order: (name, arguments)."""

    steps: tuple[tuple[str, str], ...]

    @property
    def last_stage(self) -> dict[str, str]:
        """Instruction -> arguments; ENV is in `environment`."""
        begin = max(i for i, (name, _) in enumerate(self.steps) if name == "FROM")
        return dict(self.steps[begin:])

    def all(self, name: str) -> list[str]:
        return [arguments for one, arguments in self.steps if one == name]

    @property
    def environment(self) -> dict[str, str]:
        """Of the last stage."""
        return dict(word.split("=", 1) for word in shlex.split(self.last_stage["ENV"]))

    def words(self, name: str) -> list[str]:
        """The command of CMD or HEALTHCHECK, which must be a JSON array."""
        return json.loads(self.last_stage[name].partition("CMD ")[2] or self.last_stage[name])


def dockerfile(image: str) -> Dockerfile:
    text = (DOCKER / f"Dockerfile.{image}").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parts = [line.split(None, 1) for line in joined.splitlines()]
    return Dockerfile(tuple((name, arguments) for name, arguments in parts))


def compose() -> dict[str, Any]:
    return yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))


def variables(text: str) -> dict[str, tuple[str, str]]:
    """Variable -> (``-`` and its default, or ``?`` and what to do without it)."""
    return {name: (kind, rest) for name, kind, rest in _VARIABLE.findall(text)}


def interpolated(value: str, given: dict[str, str]) -> str:
    """A value of the compose file; a variable without default must be given."""

    def fill(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name in given:
            return given[name]
        assert kind == "-", f"{name} has no default"
        return rest

    return _VARIABLE.sub(fill, value)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
