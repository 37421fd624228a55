"""The last sections of the report: training, and all that is needed to run it again.

Place: composed by `page`, like `sections`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from falcon_svc.report import figures
from falcon_svc.report.blocks import figure, folded, section, table
from falcon_svc.report.html import Html
from falcon_svc.result.record import Discovery
from falcon_svc.result.words import count_of, duration, memory
from falcon_svc.types import SkippedRow

N_SKIPPED = 20


def training(discovery: Discovery) -> Html:
    """Return the training curves."""
    text = f"{count_of(len(discovery.history), 'epoch')} of training; the figure per epoch."
    return section(
        "Training", text, figure(figures.training_curves(discovery.history), None, wide=True)
    )


def _peak(size: int) -> str:
    return memory(size) if size else "unknown"


def making(discovery: Discovery, skipped: Sequence[SkippedRow]) -> Html:
    """Return all that is needed to run it again, and what it took."""
    text = f"Seed {discovery.seed}; data set sha256 {discovery.dataset_digest}."
    stages = ((s.name, duration(s.seconds), _peak(s.peak_rss_bytes)) for s in discovery.stages)
    costs = table(("stage", "time", "peak memory"), stages, numeric=(1, 2))
    config = table(("setting", "value"), flattened(discovery.config))
    versions = table(("package", "version"), sorted(discovery.versions.items()))
    return section(
        "How it was made",
        text,
        costs,
        _features(discovery),
        folded("Settings", config),
        folded("Versions", versions),
        _skipped_rows(skipped) if skipped else None,
    )


def _features(discovery: Discovery) -> Html | None:
    """The columns that were used and those that were not; None where columns have no names."""
    if not discovery.features and not discovery.left_out:
        return None
    used = ((name, "used") for name in discovery.features or ())
    out = ((name, f"left out: {why}") for name, why in discovery.left_out)
    n_used, n_out = len(discovery.features or ()), len(discovery.left_out)
    title = f"Columns: {count_of(n_used, 'feature')} used, {n_out} left out"
    return folded(title, table(("column", "what became of it"), (*out, *used)))


def flattened(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as ``section.name`` and value."""
    rows: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            rows += flattened(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False, default=str)))
    return rows


def _skipped_rows(skipped: Sequence[SkippedRow]) -> Html:
    rows = ((s.row, s.id, s.reason) for s in skipped[:N_SKIPPED])
    title = f"{count_of(len(skipped), 'row')} left out on reading"
    return folded(title, table(("row", "id", "reason"), rows, numeric=(0,)))
