"""`falcon validate`: what a data set holds, what is wrong with it, what a run will cost."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.settings import Flags, data_config, discovery_config, read_n_fine

if TYPE_CHECKING:
    from falcon_svc.data import Inspection, SourceSummary
    from falcon_svc.pipeline.estimate import RunEstimate

LISTED_ROWS = 50
LISTED_CLASSES = 40
LISTED_COLUMNS = 30


def validate(
    source: options.Input,
    n_fine: options.NFine = None,
    config: options.ConfigFile = None,
    coarse_column: options.CoarseColumn = None,
    label_source: options.LabelSources = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """List classes, problems row by row, and what a run needs; exit code 1 on errors."""
    from falcon_svc.data import inspect_dataset

    flags = Flags(config=config, coarse_column=coarse_column, label_sources=label_source)
    found = inspect_dataset(source, data_config(flags))
    cost = _cost(found, read_n_fine(n_fine) if n_fine else None, _encoder_epochs(flags))
    if as_json:
        print(json.dumps(_document(found, cost)))
    elif not quiet:
        print("\n".join(_lines(found, cost)))
    if not found.ok:
        raise typer.Exit(1)


def _encoder_epochs(flags: Flags) -> int:
    """Return how long the settings have an encoder trained; without a file, not at all."""
    if flags.config is None:
        return 0
    encoder = discovery_config(flags).encoder
    return encoder.moco.epochs if encoder.name.startswith("moco") else 0


def _cost(found: Inspection, n_fine: int | None, encoder_epochs: int) -> RunEstimate:
    from falcon_svc.pipeline.estimate import DIMS, estimate_run

    return estimate_run(
        found.n_samples,
        found.n_dims or DIMS[found.kind],
        len(found.sources[0].classes),
        n_fine,
        kind=found.kind,
        encoder_epochs=encoder_epochs,
    )


def _document(found: Inspection, cost: RunEstimate) -> dict[str, Any]:
    sources = [
        {"name": s.name, "classes": dict(s.classes), "unlabelled": s.unlabelled}
        for s in found.sources
    ]
    return asdict(found) | {
        "ok": found.ok,
        "sources": sources,
        "coarse_columns": dict(found.coarse_columns),
        "left_out": dict(found.left_out),
        "estimate": asdict(cost),
    }


def _lines(found: Inspection, cost: RunEstimate) -> list[str]:
    dims = f" of {found.n_dims:,} dimensions" if found.n_dims else ""
    return [
        f"{found.where}: {found.n_samples:,} {found.kind}{dims}",
        *(line for source in found.sources for line in _source_lines(source, found)),
        *_column_lines(found),
        f"repeated samples: {found.duplicates:,}; constant columns: {found.constant_columns:,}",
        *(f"warning: {note.text}" for note in found.notes),
        *_problem_lines(found),
        f"a run needs about {_duration(cost.seconds)} on 2 CPU cores "
        f"and {cost.peak_bytes / 2**30:.1f} GiB of memory",
        "ok" if found.ok else f"not usable: {found.n_errors:,} errors",
    ]


def _source_lines(source: SourceSummary, found: Inspection) -> list[str]:
    from falcon_svc.data.refusal import quoted

    column = quoted(dict(found.coarse_columns)[source.name])
    lines = [
        f"label source {source.name} (column {column}): {len(source.classes):,} classes, "
        f"{source.unlabelled:,} samples not labelled"
    ]
    lines += [f"  {name}: {size:,}" for name, size in source.classes[:LISTED_CLASSES]]
    if len(source.classes) > LISTED_CLASSES:
        lines.append(f"  and {len(source.classes) - LISTED_CLASSES:,} more")
    if source.tiny:
        lines.append(f"  {len(source.tiny):,} classes have fewer samples than neighbors (21)")
    return lines


def _column_lines(found: Inspection) -> list[str]:
    """Return what the ids and features are, and which columns are not used and why."""
    from falcon_svc.data.refusal import quoted

    lines = [f"ids: {quoted(found.id_column) if found.id_column else 'row numbers, from 0'}"]
    if found.features is not None:
        more = len(found.features) - LISTED_COLUMNS
        names = ", ".join(map(quoted, found.features[:LISTED_COLUMNS]))
        lines.append(f"features: {names}" + (f" and {more:,} more" if more > 0 else ""))
    lines += [f"left out: {quoted(name)} ({why})" for name, why in found.left_out[:LISTED_COLUMNS]]
    more = len(found.left_out) - LISTED_COLUMNS
    return [*lines, f"left out: {more:,} more columns; --json lists them"] if more > 0 else lines


def _problem_lines(found: Inspection) -> list[str]:
    lines = [
        f"{problem.severity}: row {problem.row:,} (id {problem.id}): {problem.what}"
        for problem in found.problems[:LISTED_ROWS]
    ]
    rest = found.n_errors + found.n_warnings - len(lines)
    return [*lines, f"and {rest:,} more; --json lists up to 1,000 of a kind"] if rest else lines


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
