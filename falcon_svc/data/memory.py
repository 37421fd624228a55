"""Data sets in memory: arrays, DataFrames, AnnData and Hugging Face data sets as a `Source`.

Place: beside `registry`, which opens files. Everything is turned into Arrow columns or named
arrays and then judged as a file of the same content would be.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.columns import unmasked
from falcon_svc.data.column_names import COARSE_NAMES, TEXT_NAMES
from falcon_svc.data.config import DataConfig
from falcon_svc.data.frames import WHERE, check_order, frame_table
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.refusal import refusal
from falcon_svc.data.registry import open_source
from falcon_svc.data.source import Column, Samples, Source

if TYPE_CHECKING:
    import pyarrow as pa

GIVEN = COARSE_NAMES[0]
"""Column of coarse labels that were given beside the samples."""


class ArraySource:
    """Samples as one array, and columns beside it.

    Parameters
    ----------
    samples
        (N, D) numbers, or uint8 images (N, H, W) or (N, H, W, 1 or 3).
    columns
        Name -> (N,) labels, ids or texts.
    names
        (D,) the vectors' columns, when they have names.
    """

    where = WHERE

    def __init__(
        self,
        samples: NDArray[Any],
        columns: Mapping[str, Column],
        names: tuple[str, ...] | None = None,
    ) -> None:
        self._samples = samples
        self._columns = dict(columns)
        self._names = names

    def columns(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(self._columns)

    def column(self, name: str) -> Column:
        """Return one column."""
        return self._columns[name]

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: whole numbers stand for themselves."""
        return None

    def samples(self) -> Samples:
        """Return two axes as vectors, uint8 with more as images."""
        if self._samples.ndim == 2:
            return Samples(vectors=self._samples, names=self._names)
        return Samples(images=ArrayImages.checked(self._samples, name="samples", where=WHERE))


@contextmanager
def opened(data: Any, labels: Mapping[str, ArrayLike], config: DataConfig) -> Iterator[Source]:
    """Yield a data set of any kind as a `Source`, for as long as it is read.

    Parameters
    ----------
    data
        A path; a DataFrame (pandas, polars, pyarrow); AnnData; `datasets.Dataset`; or an array
        (numpy, torch on the CPU, a sparse matrix of scipy); or N texts.
    labels
        Columns that are given beside the data, name -> N values.
    config
        Columns and limits.

    Raises
    ------
    InputError
        Another kind of data, or labels of another length.
    """
    if isinstance(data, str | Path):
        _check_none(labels, "a file")
        yield open_source(Path(data), config)
    elif hasattr(data, "write_h5ad"):
        _check_none(labels, "AnnData")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "anndata.h5ad"
            data.write_h5ad(path)
            yield open_source(path, config)
    elif (table := as_table(data)) is not None:
        check_order(data, labels)
        yield _table_source(table, labels, config)
    else:
        yield array_source(data, labels, config)


def as_table(data: Any) -> pa.Table | None:
    """Return a DataFrame, a Hugging Face data set or texts as a pyarrow Table; None = no such."""
    import pyarrow as pa

    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "with_format") and hasattr(data, "features"):  # datasets.Dataset
        return data.with_format("arrow")[:]
    if hasattr(data, "to_arrow"):  # polars
        return data.to_arrow()
    if _is_texts(data):
        return pa.table({TEXT_NAMES[0]: pa.array(list(data), pa.string())})
    if hasattr(data, "iloc") and hasattr(data, "columns"):  # pandas
        return frame_table(data)
    return None


def _is_texts(data: Any) -> bool:
    """Return whether data are N texts."""
    if isinstance(data, np.ndarray):
        return data.ndim == 1 and data.dtype.kind == "U"
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(v, str) for v in data)


def array_source(data: Any, labels: Mapping[str, ArrayLike], config: DataConfig) -> ArraySource:
    """Return an array with its columns; a sparse matrix becomes dense."""
    if hasattr(data, "toarray"):
        _check_dense_size(data.shape, config)
        data = data.toarray()
    if hasattr(data, "detach"):
        data = data.detach().cpu().numpy()
    samples = np.asarray(unmasked(data))
    if samples.ndim < 2 or samples.dtype.kind not in "biuf":
        raise refusal(
            "a path, a DataFrame, AnnData, a datasets.Dataset, texts, or an array of numbers with "
            "a row per sample",
            f"{type(data).__name__} of shape {samples.shape} and type {samples.dtype}",
            where=WHERE,
            remedy="pass one of these",
            code="bad_shape",
        )
    columns = {name: _column(values) for name, values in labels.items()}
    _check_lengths(columns, len(samples))
    return ArraySource(samples, columns)


def _table_source(table: pa.Table, labels: Mapping[str, ArrayLike], config: DataConfig) -> Source:
    import pyarrow as pa

    from falcon_svc.data.formats.arrow_columns import Columns, check_names
    from falcon_svc.data.formats.manifest import with_images
    from falcon_svc.data.formats.table import TableSource

    columns = {name: _column(values) for name, values in labels.items()}
    _check_lengths(columns, table.num_rows)
    for name, values in columns.items():
        there = table.schema.get_field_index(name)
        table = table if there < 0 else table.remove_column(there)
        table = table.append_column(name, pa.array(values.tolist()))
    check_names(table.column_names, WHERE)
    return with_images(TableSource(WHERE, Columns.of(table), config), Path.cwd(), config)


def _column(values: ArrayLike) -> Column:
    """Return labels as an array; a Series loses its index, None and NaN stay missing."""
    found = np.asarray(unmasked(values))
    if found.ndim == 2 and found.shape[1] == 1:
        found, values = found[:, 0], found[:, 0]
    return np.asarray(values, object) if found.dtype.kind in "mM" else found


def _check_none(labels: Mapping[str, Sequence[Any] | Any], what: str) -> None:
    if labels:
        raise refusal(
            f"the name of a column of coarse labels with {what}",
            "labels beside it",
            where=WHERE,
            remedy="name the column, or pass the samples as an array with its labels",
            code="bad_label",
        )


def _check_lengths(columns: Mapping[str, Column], n: int) -> None:
    for name, values in columns.items():
        if values.ndim != 1 or len(values) != n:
            raise refusal(
                f"{n:,} values in {name!r}, one per sample",
                f"shape {values.shape}",
                where=WHERE,
                remedy="pass samples and labels with the same number of rows",
                code="length_mismatch",
            )


def _check_dense_size(shape: tuple[int, int], config: DataConfig) -> None:
    size = 4 * shape[0] * shape[1]
    if size > config.max_bytes or shape[1] > config.max_dimensions:
        raise refusal(
            f"at most {config.max_dimensions:,} columns and {config.max_bytes:,} bytes when dense",
            f"{shape[1]:,} columns and {size:,} bytes",
            where=WHERE,
            remedy="reduce the vectors, for example by truncated SVD",
            code="too_large",
        )
