"""`falcon evaluate`: a result against fine truth. The only figures here are measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options

if TYPE_CHECKING:
    from falcon_svc.data import DataConfig

Truth = Annotated[
    Path, typer.Option("--truth", help="Data set or folder with the fine labels of some samples.")
]
FineColumn = Annotated[
    str | None, typer.Option("--fine-column", metavar="NAME", help="Column of the fine labels.")
]
IdColumn = Annotated[
    str | None, typer.Option("--id-column", metavar="NAME", help="Column of the truth's ids.")
]


def evaluate(
    directory: options.Result,
    truth: Truth,
    fine_column: FineColumn = None,
    id_column: IdColumn = None,
) -> None:
    """Print how well the result in DIR agrees with fine truth, as JSON."""
    from falcon_svc.data import load_truth
    from falcon_svc.metrics import evaluate as figures_of
    from falcon_svc.metrics.evaluation import truth_notes
    from falcon_svc.result.files import read_discovery

    labels = load_truth(truth, _config(directory, fine_column, id_column))
    found = read_discovery(directory)
    figures = figures_of(found, labels)
    notes = [{"code": note.code, "text": note.text} for note in truth_notes(found, labels)]
    print(json.dumps({**figures, "notes": notes}, indent=2))


def _config(directory: Path, fine_column: str | None, id_column: str | None) -> DataConfig:
    """Return how the discovery read its data set, so that ids come from the same column."""
    from falcon_svc.data import DataConfig
    from falcon_svc.result.files import read_settings

    remembered = DataConfig.model_validate(read_settings(directory).get("data", {}))
    given = {"fine_column": fine_column, "id_column": id_column}
    return remembered.model_copy(update={k: v for k, v in given.items() if v is not None})
