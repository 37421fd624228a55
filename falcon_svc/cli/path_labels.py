"""Paths of a data set's samples: from a file, from a discovery, or from its own fine labels.

Place: under `falcon train-classifier` and `falcon advise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli.show import warn
from falcon_svc.errors import ConfigError, InputError

if TYPE_CHECKING:
    from falcon_svc.data import DataConfig
    from falcon_svc.data.levels import Path_
    from falcon_svc.types import CoarseDataset

Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE.csv",
        help="Paths, top level first, any length: with a column id, or in the order of INPUT.",
    ),
]
Result = Annotated[
    Path | None,
    typer.Option("--result", metavar="DIR", help="A discovery in INPUT: its classes are labels."),
]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="NAME",
        help="Label column of INPUT, top level first; may be repeated. The first is the coarse "
        "column unless another is named.",
    ),
]


def read_paths(
    dataset: CoarseDataset,
    source: Path,
    labels: Path | None,
    result: Path | None,
    config: DataConfig,
    levels: Sequence[str] = (),
) -> list[Path_]:
    """Return the path of every sample, () where it has no label.

    Parameters
    ----------
    dataset, source
        The data set and where it was read from.
    labels, result, levels
        At most one of them: a file, a discovery, columns of the data set; with none of them its
        coarse and fine labels.
    config
        How the data set was read.

    Raises
    ------
    ConfigError
        More than one was given.
    InputError
        Another number of labels than samples, or a discovery in another data set.
    """
    from falcon_svc.supervised.labels import paths_of

    given = {"--labels": labels, "--result": result, "--level": levels or None}
    found = [flag for flag, value in given.items() if value is not None]
    if len(found) > 1:
        raise ConfigError(
            f"Expected one of {', '.join(given)}, found {' and '.join(found)}; give one."
        )
    if labels is not None:
        return _from_file(dataset, labels)
    return paths_of(dataset, source, config, levels=levels, result=result)


def _from_file(dataset: CoarseDataset, labels: Path) -> list[Path_]:
    """Return a file's paths: of the samples' ids where it has a column of them, else in order."""
    from falcon_svc.hierarchy.label_files import LabelFile

    found = LabelFile.read(labels)
    rows = [tuple(name for name in row if name) for row in found.paths]
    if found.ids is not None:
        return _by_id(dataset, dict(zip(found.ids, rows, strict=True)), labels)
    if len(rows) != len(dataset):
        raise InputError(
            f"Expected {len(dataset):,} rows of labels in {labels.name}, one per sample, found "
            f"{len(rows):,}; {len(dataset.skipped)} rows of the data set itself were left out. A "
            "column id would tell which sample each is of."
        )
    return rows


def _by_id(dataset: CoarseDataset, known: dict[str, Path_], labels: Path) -> list[Path_]:
    """Return each sample's path, () where the file has none; the others are counted."""
    paths = [known.get(name, ()) for name in dataset.ids]
    unused = len(set(known) - set(dataset.ids))
    if unused == len(known):
        raise InputError(
            f"Expected ids of the samples in {labels.name}, found none that is one, such as "
            f"{dataset.ids[0]!r}; falcon validate shows what the ids are."
        )
    if unused:
        warn([f"{unused:,} labels in {labels.name} are of no sample: left out."])
    return paths
