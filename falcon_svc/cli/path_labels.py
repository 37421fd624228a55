"""Paths of a data set's samples: from a file, from a discovery, or from its own fine labels.

Place: under `falcon train-classifier` and `falcon advise`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.errors import ConfigError, InputError

if TYPE_CHECKING:
    from falcon_svc.data.levels import Path_
    from falcon_svc.types import CoarseDataset

Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE.csv",
        help="Paths, a row per sample of INPUT in its order, top level first; any length.",
    ),
]
Result = Annotated[
    Path | None,
    typer.Option("--result", metavar="DIR", help="A discovery in INPUT: its classes are labels."),
]


def read_paths(
    dataset: CoarseDataset, source: Path, labels: Path | None, result: Path | None
) -> list[Path_]:
    """Return the path of every sample, () where it has no label.

    Parameters
    ----------
    dataset, source
        The data set and where it was read from.
    labels, result
        At most one of the two; with neither the coarse and fine labels of the data set itself.

    Raises
    ------
    ConfigError
        Both were given.
    InputError
        Another number of labels than samples, or a discovery in another data set.
    """
    from falcon_svc.data import DataConfig
    from falcon_svc.supervised.labels import paths_of

    if labels is not None and result is not None:
        raise ConfigError("Expected one of --labels and --result, found both; give one.")
    if labels is not None:
        return _from_file(dataset, labels)
    return paths_of(dataset, source, DataConfig(), result=result)


def _from_file(dataset: CoarseDataset, labels: Path) -> list[Path_]:
    from falcon_svc.hierarchy.files import read_paths as rows_of

    rows = [tuple(name for name in row if name) for row in rows_of(labels)]
    if len(rows) != len(dataset):
        raise InputError(
            f"Expected {len(dataset):,} rows of labels in {labels.name}, one per sample, found "
            f"{len(rows):,}; {len(dataset.skipped)} rows of the data set itself were left out."
        )
    return rows
