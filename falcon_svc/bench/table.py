"""Markdown tables and JSON files of benchmark results."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured quantity over repeated runs.

    Parameters
    ----------
    values
        One number per run, at least one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Arithmetic mean."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float:
        """Sample standard deviation (n - 1); 0 for a single run."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    def percent(self) -> str:
        """Return ``84.2 ± 0.9`` for shares in [0, 1]; a single run shows no deviation."""
        spread = f" ± {100 * self.std:.1f}" if len(self.values) > 1 else ""
        return f"{100 * self.mean:.1f}{spread}"

    def document(self) -> dict[str, Any]:
        """Return mean, deviation and values, JSON-ready."""
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; bars inside cells are escaped."""
    lines = [_line(header), "|" + "---|" * len(header)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Write `document` whole or not at all; a path of None writes nothing."""
    if path is None:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    draft.replace(path)
