"""`falcon doctor`: what is wrong with a data directory; exit code 1 if anything is."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from falcon_svc.cli.options import Json
from falcon_svc.cli.serve import DataDir, settings_of

Quick = Annotated[
    bool, typer.Option("--quick", help="Look at the files without reading them through.")
]


def doctor(data_dir: DataDir = None, quick: Quick = False, as_json: Json = False) -> None:
    """Look over a service's database, files, folders and disk; change nothing."""
    settings = settings_of(data_dir)
    from falcon_svc.service.operations.doctor import Doctor

    found = list(Doctor(settings, quick=quick).findings())
    if as_json:
        print(json.dumps({"ok": not found, "findings": [asdict(one) for one in found]}))
    else:
        lines = [f"{one.code}  {one.subject}: {one.detail}" for one in found]
        print("\n".join([*lines, f"{len(found):,} findings" if found else "ok"]))
    if found:
        raise typer.Exit(1)
