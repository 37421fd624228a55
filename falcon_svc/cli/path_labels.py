"""Paths of a data set's samples: from a file, from a discovery, or from its own fine labels.

Place: under `falcon train-classifier` and `falcon advise`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.errors import ConfigError, InputError

if TYPE_CHECKING:
    from falcon_svc.types import CoarseDataset, FloatArray

Path_ = tuple[str, ...]
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


def vectors_of(dataset: CoarseDataset, source: Path) -> FloatArray:
    """Return the vectors; images have none before an encoder has seen them.

    Raises
    ------
    InputError
        The data set holds images.
    """
    if dataset.vectors is None:
        raise InputError(
            f"Expected vectors, found images in {source.name}; make features of them first, with "
            "an encoder of docs/encoders.md."
        )
    return dataset.vectors


def coarse_of(dataset: CoarseDataset) -> list[str]:
    """Return each sample's coarse class by name; "" where it has none."""
    names = dataset.coarse.names
    return [names[k] if k >= 0 else "" for k in dataset.coarse.labels.tolist()]


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
    if labels is not None and result is not None:
        raise ConfigError("Expected one of --labels and --result, found both; give one.")
    if labels is not None:
        return _from_file(dataset, labels)
    fine = discovered_of(dataset, result) if result is not None else fine_of(dataset, source)
    return [
        tuple(name for name in pair if name)[: 2 if pair[0] else 0]
        for pair in zip(coarse_of(dataset), fine, strict=True)
    ]


def fine_of(dataset: CoarseDataset, source: Path) -> list[str]:
    """Return the data set's own fine labels by name, "" where a sample has none."""
    from falcon_svc.data import load_truth

    truth = load_truth(source)
    names = {name: truth.names[k] for name, k in zip(truth.ids, truth.fine.tolist(), strict=True)}
    return [names.get(sample, "") for sample in dataset.ids]


def discovered_of(dataset: CoarseDataset, result: Path) -> list[str]:
    """Return the discovered class of each sample as ``class 7``.

    Raises
    ------
    InputError
        The discovery was made in other samples.
    """
    from falcon_svc.result.files import read_discovery

    found = read_discovery(result)
    if found.ids != dataset.ids:
        raise InputError(
            f"Expected the discovery of these {len(dataset):,} samples in {result}, found one of "
            f"{found.n_samples:,} samples or with other ids; name its own data set."
        )
    return [f"class {k}" for k in found.assignments.fine.tolist()]


def _from_file(dataset: CoarseDataset, labels: Path) -> list[Path_]:
    from falcon_svc.hierarchy.files import read_paths as rows_of

    rows = [tuple(name for name in row if name) for row in rows_of(labels)]
    if len(rows) != len(dataset):
        raise InputError(
            f"Expected {len(dataset):,} rows of labels in {labels.name}, one per sample, found "
            f"{len(rows):,}; {len(dataset.skipped)} rows of the data set itself were left out."
        )
    return rows
