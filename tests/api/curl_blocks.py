"""Runs the shell blocks of a document against a service, as a reader would, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.api.running import Running
from tests.architecture.sources import ROOT

WRITTEN = "http://127.0.0.1:8000"
END = "\x1e"
PRELUDE = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
falcon() { "$PYTHON" -m falcon_svc.cli.main "$@"; }
"""
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs the program curl")


@dataclass(frozen=True)
class Block:
    """Lines of a shell, and the JSON that the document shows as their answer."""

    lines: str
    shown: str | None


def blocks_of(path: str) -> list[Block]:
    text = (ROOT / path).read_text("utf-8")
    found = re.findall(r"^```sh\n(.*?)^```\n(?:\n```json\n(.*?)^```\n)?", text, re.M | re.S)
    return [Block(lines, shown or None) for lines, shown in found if "curl" in lines]


def run(blocks: list[Block], service: Running, folder: Path) -> list[str]:
    """Return what each block prints; the first that fails is named."""
    script = PRELUDE + "".join(f"{block.lines}printf '{END}'\n" for block in blocks)
    script = script.replace(WRITTEN, service.url).replace("wait=60", "wait=240")  # a busy machine
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "FALCON_DATA_DIR": str(service.folder),
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    answers = done.stdout.split(END)
    failed = blocks[min(len(answers), len(blocks)) - 1].lines
    assert done.returncode == 0, f"{failed}\n{answers[-1]}\n{done.stderr}"
    return answers[:-1]


def misses(shown: Any, found: Any, place: str = "") -> list[str]:
    """Return the places where an answer lacks what a document shows, or has another type."""
    if isinstance(shown, dict) and isinstance(found, dict):
        lacks = [f"{place}/{key}" for key in shown if key not in found]
        both = [key for key in shown if key in found]
        return lacks + [m for k in both for m in misses(shown[k], found[k], f"{place}/{k}")]
    if isinstance(shown, list) and isinstance(found, list):
        return misses(shown[0], found[0], f"{place}/0") if shown and found else []
    same = _kind(shown) == _kind(found) or None in (shown, found)
    return [] if same else [f"{place}: {shown!r} is shown, {found!r} is answered"]


def _kind(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if number else type(value).__name__
