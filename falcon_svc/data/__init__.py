"""Reading data sets: every format through one door, every bad input one clear sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from falcon_svc.data.assemble import draft, finish
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
    "load_truth",
]


def load_dataset(
    path: Path, config: DataConfig | None = None, *, like: Reading | None = None
) -> CoarseDataset:
    """Read and check a coarsely labelled data set.

    Parameters
    ----------
    path
        File or folder, formats in docs/input-formats.md.
    config
        Columns and limits; None = the defaults.
    like
        The `reading` of the data set that a model was made with: its features are taken by name,
        in its order, and scaled as they were there.

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
    config = like_before(config or DataConfig(), like)
    with _fits_in_memory(path):
        return finish(draft(open_source(Path(path), config), config, like))


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
