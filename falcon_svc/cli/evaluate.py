"""`falcon evaluate`: a result against fine truth. The only figures here are measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from falcon_svc.cli import options

Truth = Annotated[Path, typer.Option("--truth", help="Data set with the column of fine labels.")]
FineColumn = Annotated[str, typer.Option("--fine-column", metavar="NAME", help="That column.")]


def evaluate(directory: options.Result, truth: Truth, fine_column: FineColumn = "fine") -> None:
    """Print how well the result in DIR agrees with fine truth, as JSON."""
    from falcon_svc.data import DataConfig, load_truth
    from falcon_svc.metrics import evaluate as figures_of
    from falcon_svc.pipeline.result_files import read_discovery

    labels = load_truth(truth, DataConfig(fine_column=fine_column))
    print(json.dumps(figures_of(read_discovery(directory), labels), indent=2))
