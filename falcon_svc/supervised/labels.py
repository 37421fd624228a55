"""Labels and paths of a data set's samples: by its columns, or by a discovery in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falcon_svc.data import DataConfig, load_fine, load_levels
from falcon_svc.data.levels import Path_
from falcon_svc.errors import InputError
from falcon_svc.types import CoarseDataset


def as_stored(dataset: CoarseDataset, name: str) -> CoarseDataset:
    """Return a data set whose vectors are those of its file, as new ones will be.

    Raises
    ------
    InputError
        They were scaled by columns, or made of counts: a classifier would take others for them.
    """
    if dataset.reading.scaling is None and dataset.reading.counts is None:
        return dataset
    made = "counts of genes" if dataset.reading.scaling is None else "vectors that reading scales"
    raise InputError(
        f"Expected vectors to be classified as they are stored, found {made} in {name}; save what "
        "is to be trained on as vectors, and read them with scale = none."
    )


def coarse_of(dataset: CoarseDataset) -> list[str]:
    """Return each sample's coarse class by name; "" where it has none, or several."""
    names = dataset.coarse.names
    return [names[k] if k >= 0 else "" for k in dataset.coarse.labels.tolist()]


def fine_of(dataset: CoarseDataset, source: Path, config: DataConfig) -> list[str]:
    """Return the fine labels of a data set's file by name, "" where a sample has none.

    Raises
    ------
    InputError
        There are none (code ``no_such_column``), or they cannot be read.
    """
    return load_fine(source, config, dataset)


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
            f"Expected the discovery of these {len(dataset):,} samples, found one of "
            f"{found.n_samples:,} samples or with other ids; name its own data set."
        )
    return [f"class {k}" for k in found.assignments.fine.tolist()]


def paths_of(
    dataset: CoarseDataset,
    source: Path,
    config: DataConfig,
    *,
    levels: Sequence[str] = (),
    result: Path | None = None,
) -> list[Path_]:
    """Return the path of every sample, () where it has no label.

    Parameters
    ----------
    dataset, source, config
        The data set, its file, and how it was read.
    levels
        Columns of the file, top level first; none = coarse and finer labels.
    result
        Directory of a discovery whose classes are the finer labels; None = the file's fine ones.

    Raises
    ------
    InputError
        A column that is not there, or a discovery in another data set.
    """
    if levels:
        return load_levels(source, config, levels, dataset)
    fine = fine_of(dataset, source, config) if result is None else discovered_of(dataset, result)
    return [
        tuple(name for name in pair if name) if pair[0] else ()
        for pair in zip(coarse_of(dataset), fine, strict=True)
    ]
