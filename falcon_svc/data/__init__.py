"""Reading data sets: every format through one door, every bad input one clear sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from falcon_svc.data.about import about_columns
from falcon_svc.data.assemble import draft, finish, new_samples
from falcon_svc.data.column_names import fine_column
from falcon_svc.data.config import DataConfig, NewSamplesConfig
from falcon_svc.data.conform import like_before
from falcon_svc.data.frames import WHERE
from falcon_svc.data.inspection import Inspection, RowProblem, SourceSummary, inspect_draft
from falcon_svc.data.levels import Path_, level_paths
from falcon_svc.data.memory import opened
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
    "load_new_samples",
    "load_truth",
]


def load_dataset(
    data: Any,
    config: DataConfig | None = None,
    *,
    labels: Mapping[str, ArrayLike] | None = None,
) -> CoarseDataset:
    """Read and check a coarsely labelled data set.

    Parameters
    ----------
    data
        Path of a file or folder (formats: docs/input-formats.md), or data in memory: a DataFrame
        (pandas, polars, pyarrow), AnnData, a `datasets.Dataset`, or an array with `labels`.
    config
        Columns and limits; None = the defaults.
    labels
        Columns of data in memory that lie beside it, name -> (N,) values: ``{"coarse": y}``.

    Returns
    -------
    CoarseDataset
        Finite vectors or readable images with unique ids and coarse labels.

    Raises
    ------
    InputError
        Anything wrong with the data set.
    MissingExtraError
        The format needs a package that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc import load_dataset
    >>> x = np.random.default_rng(0).normal(size=(4, 2))
    >>> dataset = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog"]})
    >>> dataset.coarse.names
    ('cat', 'dog')
    """
    config = config or DataConfig()
    with _fits_in_memory(data), opened(data, labels or {}, config) as source:
        dataset = finish(draft(source, config))
        return replace(dataset, about=about_columns(source, dataset, config))


def load_new_samples(
    data: Any,
    config: DataConfig | None,
    like: Reading,
    given: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, ArrayLike] | None = None,
) -> CoarseDataset:
    """Read samples that a model is to predict, as the data set was read that it was made with.

    Parameters
    ----------
    data
        Path, or data in memory as `load_dataset` takes: one sample is enough, and labels need not
        be there.
    config
        The settings of that data set; None = the defaults.
    like
        The `reading` of that data set: features are taken by name, in its order; counts by its
        recipe; scaled as there.
    given
        Settings that a user names for these samples, such as ``coarse_column``; they win.
    labels
        Columns of data in memory that lie beside it, name -> (N,) values.

    Returns
    -------
    CoarseDataset
        Its label sources are what the data hold, under the names of `like`: classes that the
        model does not know among them, or none at all; `reading.notes` says what is missing.

    Raises
    ------
    InputError
        A feature is missing; or anything else wrong with the data.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset, load_new_samples
    >>> x = np.random.default_rng(0).normal(size=(4, 2))
    >>> before = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog"]})
    >>> new = load_new_samples(np.zeros((1, 2)), None, before.reading)
    >>> len(new.ids)
    1
    """
    lenient = NewSamplesConfig.model_validate((config or DataConfig()).model_dump())
    with _fits_in_memory(data):
        with opened(data, labels or {}, lenient) as source:
            config = like_before(lenient, like, source.columns(), given or {})
        probed = config.model_copy(update={"probe_hdf5": False})
        with opened(data, labels or {}, probed) as source:
            return new_samples(source, config, like)


def load_truth(path: Path, config: DataConfig | None = None) -> EvalLabels:
    """Read the fine truth of a data set, for metrics only.

    Parameters
    ----------
    path
        A file or folder with fine labels; formats: docs/input-formats.md.
    config
        Columns and limits; None = the defaults.

    Returns
    -------
    EvalLabels
        A fine label for some or all samples, by id.

    Raises
    ------
    InputError
        No fine labels, or anything else wrong with the data set; see `load_dataset`.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from falcon_svc.data import load_truth
    >>> fine = ["tabby", "tabby", "lynx", "lynx"]
    >>> np.savez("cats.npz", x=np.eye(4, 2), coarse=["cat"] * 4, fine=fine)
    >>> load_truth(Path("cats.npz")).names
    ('lynx', 'tabby')
    """
    config = config or DataConfig()
    with _fits_in_memory(path):
        return truth(open_source(Path(path), config), config)


def load_levels(
    path: Path, config: DataConfig, columns: Sequence[str], dataset: CoarseDataset
) -> list[Path_]:
    """Read label columns of a data set as paths; see `falcon_svc.data.levels.level_paths`.

    Parameters
    ----------
    path
        File or folder that `dataset` was read from.
    config
        Columns and limits that it was read with.
    columns
        Names of label columns, top level first.
    dataset
        Its samples, in the order that is wanted.

    Returns
    -------
    list of tuple of str
        (N,) paths; a shorter one ends early.

    Raises
    ------
    InputError
        A column is not there, or a label in it cannot be one.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from falcon_svc.data import DataConfig, load_dataset, load_levels
    >>> path = Path(mkdtemp()) / "birds.csv"
    >>> rows = "a,b,coarse,species", "0,1,bird,jay", "1,0,bird,", "2,2,fish,cod", "3,1,fish,"
    >>> _ = path.write_text(chr(10).join(rows))
    >>> config = DataConfig(ignore_columns=("species",))
    >>> load_levels(path, config, ["coarse", "species"], load_dataset(path, config))
    [('bird', 'jay'), ('bird',), ('fish', 'cod'), ('fish',)]
    """
    with _fits_in_memory(path):
        return level_paths(open_source(Path(path), config), config, columns, dataset)


def load_fine(path: Path, config: DataConfig, dataset: CoarseDataset) -> list[str]:
    """Read the fine labels of a data set's samples, "" where there is none, to train on them.

    Parameters
    ----------
    path
        File or folder that `dataset` was read from.
    config
        Columns and limits that it was read with.
    dataset
        Its samples, in the order that is wanted.

    Returns
    -------
    list of str
        (N,) labels.

    Raises
    ------
    InputError
        There is no fine column, or a label in it cannot be one.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from falcon_svc.data import DataConfig, load_dataset, load_fine
    >>> path = Path(mkdtemp()) / "birds.csv"
    >>> rows = "a,b,coarse,fine", "0,1,bird,jay", "1,0,bird,", "2,2,fish,cod", "3,1,fish,cod"
    >>> _ = path.write_text(chr(10).join(rows))
    >>> load_fine(path, DataConfig(), load_dataset(path))
    ['jay', '', 'cod', 'cod']
    """
    with _fits_in_memory(path):
        source = open_source(Path(path), config)
        column = fine_column(source.columns(), config) or config.fine_column
        rows = level_paths(source, config, (column,), dataset)
    return [row[0] if row else "" for row in rows]


def inspect_dataset(path: Path, config: DataConfig | None = None) -> Inspection:
    """Read a data set and list every problem row by row instead of raising the first.

    Parameters
    ----------
    path
        A file or folder; formats: docs/input-formats.md.
    config
        Columns and limits; None = the defaults.

    Returns
    -------
    Inspection
        Kind, sizes, classes, and every problem by row.

    Raises
    ------
    InputError
        What cannot be put down to single rows: damaged file, unknown column, one class only.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from falcon_svc.data import inspect_dataset
    >>> x = np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 0.0], [3.0, 1.0]])
    >>> np.savez("cats.npz", x=x, coarse=["cat", "cat", "dog", "dog"])
    >>> [(one.row, one.severity) for one in inspect_dataset(Path("cats.npz")).problems]
    [(1, 'error')]
    """
    config = config or DataConfig()
    with _fits_in_memory(path):
        return inspect_draft(draft(open_source(Path(path), config), config))


@contextmanager
def _fits_in_memory(data: Any) -> Iterator[None]:
    where = quoted(Path(data).name) if isinstance(data, str | Path) else WHERE
    try:
        yield
    except MemoryError as error:
        raise refusal(
            "a data set that fits in memory",
            "one that does not",
            where=where,
            remedy="reduce it, save it as .npy (which stays on disk), or use a larger machine",
            code="too_large",
        ) from error
