"""Faults to start a service with: at which call of which process what happens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from tests.faults.site.sitecustomize import wrapped

SITE = Path(__file__).parent / "site"
WORKER, SUPERVISOR, API = "worker.main", "operations.supervise", "cli.main serve"


@dataclass(frozen=True)
class Fault:
    """One fault.

    `at` is ``module:function`` or ``module:Class.method``; `do` an action of `site/sitecustomize`,
    with its number `by`; `when` is before or after the call, or nan: its value becomes NaN. It
    strikes at the `call`-th call, in `times` processes whose command line holds `process`.
    """

    at: str
    do: str = "kill"
    when: str = "before"
    call: int = 1
    times: int = 1
    process: str = ""
    by: float = 0.0


def faults_json(faults: list[Fault], folder: Path) -> str:
    """Return what FALCON_FAULTS is to be; the folder takes the marks of those that have struck."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, fault in enumerate(faults):
        module, _, name = fault.at.partition(":")
        row = {"module": module, "name": name, "mark": str(folder / str(number))}
        rows.append({**asdict(fault), **row})
    return json.dumps(rows)


def patch(monkeypatch, faults: list[Fault], folder: Path) -> None:
    """Let faults strike in copies of this process, as they would in processes of a service."""
    for row in json.loads(faults_json(faults, folder)):
        holder = import_module(row["module"])
        *holders, name = row["name"].split(".")
        for one in holders:
            holder = getattr(holder, one)
        call = wrapped(getattr(holder, name), {**row, "process": ""})
        monkeypatch.setattr(holder, name, call)


def struck(folder: Path) -> dict[int, int]:
    """Return fault -> how often it has struck."""
    found: dict[int, int] = {}
    for path in folder.iterdir():
        number = int(path.name.partition(".")[0])
        found[number] = found.get(number, 0) + 1
    return found
