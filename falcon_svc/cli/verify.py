"""`falcon verify`: whether a result is what it says; exit code 1 if anything is not."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from falcon_svc.cli import options

Limit = Annotated[
    float,
    typer.Option(
        "--time-limit",
        min=0.1,
        help="Seconds that the second solver may take for each label source.",
    ),
]


def verify(
    directory: options.Result, time_limit: Limit = 60.0, as_json: options.Json = False
) -> None:
    """Check files, proofs and assignments of the result in DIR, with a second solver."""
    from falcon_svc.result.verification import verify_result

    checks = verify_result(directory, time_limit_s=time_limit)
    ok = all(check.ok for check in checks)
    if as_json:
        print(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            print(f"{'ok' if check.ok else 'WRONG':5} {check.name}: {check.text}")
    if not ok:
        raise typer.Exit(1)
