"""Reading data sets: every format through one door, every bad input one clear sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from falcon_svc.data.assemble import draft, finish, new_samples
from falcon_svc.data.config import DataConfig
from falcon_svc.data.conform import like_before
from falcon_svc.data.inspection import Inspection, RowProblem, SourceSummary, inspect_draft
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.registry import open_source
from falcon_svc.data.truth import truth
from falcon_svc.types import CoarseDataset, EvalLabels, Reading

__all__ = [
    "DataConfig",
    "Inspection",
    "RowProblem",
    "SourceSummary",
    "inspect_dataset",
    "load_dataset",
    "load_new",
    "load_truth",
]


def load_dataset(path: Path, config: DataConfig | None = None) -> CoarseDataset:
    """Read and check a coarsely labelled data set.

    Parameters
    ----------
    path
        File or folder, formats in docs/input-formats.md.
    config
        Columns and limits; None = the defaults.

    Returns
    -------
    CoarseDataset
        Finite vectors or readable images with unique ids and at least two coarse classes.

    Raises
    ------
    InputError
        Anything wrong with the data set.
    MissingExtraError
        The format needs a package that is not installed.
    """
    config = config or DataConfig()
    with _fits_in_memory(path):
        return finish(draft(open_source(Path(path), config), config))


def load_new(
    path: Path,
    config: DataConfig | None,
    like: Reading,
    given: Mapping[str, Any] | None = None,
) -> CoarseDataset:
    """Read samples that a model is to predict, as the data set was read that it was made with.

    Parameters
    ----------
    path
        File or folder: one sample is enough, and labels need not be there.
    config
        The settings of that data set; None = the defaults.
    like
        The `reading` of that data set: features are taken by name, in its order; counts by its
        recipe; scaled as there.
    given
        Settings that a user names for this file, such as ``coarse_column``; they win.

    Returns
    -------
    CoarseDataset
        Its label sources are what the file holds, under the names of `like`: classes that the
        model does not know among them, or none at all; `reading.notes` says what is missing.

    Raises
    ------
    InputError
        A feature is missing; or anything else wrong with the data set.
    """
    path, config = Path(path), config or DataConfig()
    with _fits_in_memory(path):
        lenient = config.model_copy(update={"require_labels": False})
        source = open_source(path, lenient)
        config = like_before(config, like, source.columns(), given or {})
        probed = config.model_copy(update={"probe_hdf5": False})
        return new_samples(open_source(path, probed), config, like)


def load_truth(path: Path, config: DataConfig | None = None) -> EvalLabels:
    """Read the fine truth of a data set, for metrics only; see `load_dataset` for the errors."""
    config = config or DataConfig()
    with _fits_in_memory(path):
        return truth(open_source(Path(path), config), config)


def inspect_dataset(path: Path, config: DataConfig | None = None) -> Inspection:
    """Read a data set and list every problem row by row instead of raising the first.

    Raises
    ------
    InputError
        What cannot be put down to single rows: damaged file, unknown column, one class only.
    """
    config = config or DataConfig()
    with _fits_in_memory(path):
        return inspect_draft(draft(open_source(Path(path), config), config))


@contextmanager
def _fits_in_memory(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise refusal(
            "a data set that fits in memory",
            "one that does not",
            where=quoted(Path(path).name),
            remedy="reduce it, save it as .npy (which stays on disk), or use a larger machine",
            code="too_large",
        ) from error
