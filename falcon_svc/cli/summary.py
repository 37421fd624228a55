"""What a finished run shows: one table for people, one document for programs."""

from __future__ import annotations

import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.cli import BEGAN

if TYPE_CHECKING:
    from falcon_svc.result.record import CountEstimate, Discovery, FineClass

Record = dict[str, Any]
NAMED_CLASSES, NAMES, NAME_LETTERS = 30, 3, 40
"""Coarse classes and fine classes of each that are listed by name, and letters of the former."""
SHORT = {"": "", "clear": "clear", "weak": "weak", "no better than chance": "chance"}
"""Verdicts on whether a coarse class holds finer ones -> as the table says it."""


def summarise(discovery: Discovery, directory: Path) -> Record:
    """Return the JSON document of `falcon discover --json`.

    `seconds` are those of the stages, `wall_seconds` all since the program was loaded: reading,
    loading libraries and writing take time too.
    """
    total, inside = discovery.total, _inside(discovery)
    return {
        "out": str(directory),
        "report": str(directory / "report.html"),
        "n_samples": discovery.n_samples,
        "n_fine": discovery.n_fine,
        "n_fine_interval": list(discovery.n_fine_interval),
        "n_fine_runner_up": None if total is None else total.runner_up,
        "coarse": [
            _coarse_class(discovery, count, inside[count.coarse]) for count in discovery.counts
        ],
        "seed": discovery.seed,
        "seconds": round(sum(stage.seconds for stage in discovery.stages), 3),
        "wall_seconds": round(time.monotonic() - BEGAN, 3),
        "peak_rss_bytes": max((s.peak_rss_bytes for s in discovery.stages), default=0),
    }


def _inside(discovery: Discovery) -> dict[int, list[FineClass]]:
    """The fine classes in each coarse class of the first source."""
    found: dict[int, list[FineClass]] = defaultdict(list)
    for fine in discovery.classes:
        if (coarse := fine.coarse.get(discovery.sources[0].name)) is not None:
            found[coarse].append(fine)
    return found


def _coarse_class(discovery: Discovery, count: CountEstimate, fine: list[FineClass]) -> Record:
    """One coarse class of the first source with the fine classes found in it."""
    source = discovery.sources[0]
    n_samples = sum(c.size for c in fine)
    confidence = sum(c.mean_confidence * c.size for c in fine) / max(n_samples, 1)
    return {
        "name": source.names[count.coarse],
        "n_samples": n_samples,
        "n_fine": len(fine),
        "low": count.low,
        "high": count.high,
        "origin": count.origin,
        "verdict": count.verdict,
        "sizes": sorted((c.size for c in fine), reverse=True),
        "classes": [
            {"id": c.id, "name": c.name, "size": c.size}
            for c in sorted(fine, key=lambda c: (-c.size, c.id))
        ],
        "mean_confidence": round(confidence, 4),
    }


def print_summary(summary: Record) -> None:
    """Print the table to stdout, then where the report lies; sizes: least / median / most."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=_title(summary), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("coarse class", overflow="fold")
    for heading in ("samples", "fine", "interval", "sizes", "confidence"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in summary["coarse"]:
        table.add_row(*_cells(record))
    Console().print(table)
    for record in summary["coarse"][:NAMED_CLASSES]:
        print(_largest(record))
    if (earlier := summary.get("earlier_review")) is not None:
        print(f"beside the earlier review: {earlier['text']}")
        for alarm in earlier["drift"][:NAMES]:
            print(f"warning: {alarm['sentence']}")
    print(f"report: {summary['report']}")


def _largest(record: Record) -> str:
    """Return the names of a coarse class's largest fine classes in one line."""
    classes = record["classes"]
    names = "; ".join(f"{c['id']} {c['name']}" for c in classes[:NAMES])
    more = f"; {len(classes) - NAMES:,} more" if len(classes) > NAMES else ""
    return f"{record['name'][:NAME_LETTERS]}: {names}{more}"


def _title(summary: Record) -> str:
    low, high = summary["n_fine_interval"]
    doubt = f" (90 % interval {low:,}-{high:,})" if low < high else ""
    return (
        f"{summary['n_samples']:,} samples, {summary['n_fine']:,} fine classes{doubt} "
        f"in {summary['wall_seconds']:.1f} s, {summary['seconds']:.1f} s of them computing"
    )


def _cells(record: Record) -> tuple[str, ...]:
    from rich.markup import escape

    given = record["origin"] == "given"
    return (
        escape(record["name"]),
        f"{record['n_samples']:,}",
        f"{record['n_fine']:,}",
        "given" if given else f"{record['low']}-{record['high']} {SHORT[record['verdict']]}",
        _sizes(record["sizes"]),
        f"{record['mean_confidence']:.2f}",
    )


def _sizes(sizes: list[int]) -> str:
    """Smallest, median and largest."""
    return f"{sizes[-1]} / {sizes[len(sizes) // 2]} / {sizes[0]}" if sizes else "-"
