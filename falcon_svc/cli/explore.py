"""`falcon discover --explore`: several totals side by side, and the command for one of them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.cli.runs import opened
from falcon_svc.cli.settings import Flags, discovery_config
from falcon_svc.durable.atomic_directory import EXPLORED

if TYPE_CHECKING:
    from falcon_svc.pipeline.explore import Exploration


def explore(source: Path, directory: Path, flags: Flags, *, quiet: bool, as_json: bool) -> None:
    """Cut one structure at several totals, write DIR, and show them."""
    config = discovery_config(flags)
    run = opened(source, directory, config, quiet=quiet, over=(EXPLORED,), resumable=False)
    with run as (dataset, progress):
        from falcon_svc.pipeline.explore import explore_to

        found = explore_to(directory, dataset, config, progress=progress)
    if as_json:
        print(json.dumps({"out": str(directory), **found.document()}))
    elif not quiet:
        _print(found.document(), directory)
        print(_next_step(found, source, directory, flags))


def _print(document: dict[str, Any], directory: Path) -> None:
    """Print a column per total; the one that a discovery would use has a star."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    options = document["options"]
    table = Table(title=_title(document), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("fine classes", overflow="fold")
    for option in options:
        star = "*" if option["n_fine"] == document["n_fine"] else ""
        table.add_column(f"{option['n_fine']}{star}", justify="right", no_wrap=True)
    table.add_row("probability", *(f"{option['probability']:.2f}" for option in options))
    table.add_row("stability", *(f"{option['stability']:.2f}" for option in options))
    table.add_section()
    for name in options[0]["n_fine_per_coarse"]:
        counts = (str(option["n_fine_per_coarse"][name]) for option in options)
        table.add_row(escape(name), *counts)
    Console().print(table)
    print(f"every sample's class at every total: {directory / 'explore.csv'}")


def _title(document: dict[str, Any]) -> str:
    low, high = document["n_fine_interval"]
    runner_up = document["n_fine_runner_up"]
    second = "" if runner_up is None else f", runner-up {runner_up:,}"
    return (
        f"{document['n_samples']:,} samples: {document['n_fine']:,} fine classes (*) are the "
        f"estimate, 90 % interval {low:,}-{high:,}{second}"
    )


def _next_step(found: Exploration, source: Path, directory: Path, flags: Flags) -> str:
    beside = directory.with_name(f"{directory.name}-{found.total.n_fine}")
    command = ["falcon", "discover", str(source), "--out", str(beside), *flags.arguments()]
    return (
        "to discover with one of these totals, give it as --n-fine: "
        f"{shlex.join([*command, '--n-fine', str(found.total.n_fine)])}"
    )
