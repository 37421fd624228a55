"""Columns that are no features and no labels (year, city, batch): what reviews compare classes by.

Place: read by `load_dataset` beside the data set; never a feature, and nothing that trains looks at
them. Columns of words keep their values, numbers with many values are cut into fifths. What has the
name of labels, ids or fine truth stays out, and so does what has a value of its own in every row.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from falcon_svc.data.column_names import Roles, why_no_feature
from falcon_svc.data.config import DataConfig
from falcon_svc.data.labels import as_strings
from falcon_svc.data.source import Column, Source, rows_of
from falcon_svc.errors import FalconError
from falcon_svc.types import AboutColumn, CoarseDataset

MOST_COLUMNS = 20
MOST_CELLS = 10_000_000
"""Rows times columns: of very long tables the first columns only."""

MOST_VALUES = 200
"""Words with more different values say who a sample is, not what."""

FEW_NUMBERS = 12
"""Numbers with more different values are cut into fifths."""

MOST_LETTERS = 80


def about_columns(
    source: Source, dataset: CoarseDataset, config: DataConfig
) -> tuple[AboutColumn, ...]:
    """Return the columns of a source that say more about the samples of its data set.

    Parameters
    ----------
    source
        Opened data set.
    dataset
        What was read of it: its features, labels, ids and texts are left out here.
    config
        How it was read.
    """
    most = min(MOST_COLUMNS, MOST_CELLS // max(1, len(dataset)))
    found: list[AboutColumn] = []
    for name in _candidates(source, dataset, config):
        if len(found) >= most:
            break
        column = _read(source, name, dataset)
        if column is not None:
            found.append(column)
    return tuple(found)


def _candidates(source: Source, dataset: CoarseDataset, config: DataConfig) -> Iterator[str]:
    reading, roles = dataset.reading, Roles.of(source.columns(), config)
    used = {reading.vector_column, reading.id_column, reading.text_column, source.index_column()}
    used |= {*(reading.features or ()), *config.ignore_columns}
    used |= {column for _, column in reading.coarse_columns}
    for name in source.columns():
        reason = why_no_feature(name)
        kept = reason is None or reason.startswith("a split")
        if name not in used and roles.role(name) is None and kept:
            yield name


def _read(source: Source, name: str, dataset: CoarseDataset) -> AboutColumn | None:
    """Return a column; None where it is no plain column, or says nothing."""
    try:
        values = rows_of(source, name, dataset.kept, len(dataset))
        numbers = values.dtype.kind in "iuf"
        words = None if numbers else as_strings(values, what=name, where=source.where)
    except FalconError:  # a matrix, lists, other lengths: nothing that was asked for
        return None
    found = _of_numbers(name, values) if words is None else _of_words(name, np.array(words))
    return found if len(found.values) > 1 else None


def _of_words(name: str, words: Column) -> AboutColumn:
    """More different values than may be, or one of its own per row, leave none."""
    values, codes = np.unique(words, return_inverse=True)
    if len(values) > min(MOST_VALUES, len(words) // 2):
        return AboutColumn(name, (), np.full(len(words), -1, np.int32))
    empty = np.array([not value.strip() for value in values.tolist()])
    number = np.where(empty, -1, np.cumsum(~empty) - 1)
    shown = tuple(str(v)[:MOST_LETTERS] for v in values[~empty].tolist())
    return AboutColumn(name, shown, number[codes].astype(np.int32))


def _of_numbers(name: str, numbers: Column) -> AboutColumn:
    known = np.isfinite(numbers) if numbers.dtype.kind == "f" else np.ones(len(numbers), np.bool_)
    values = np.unique(numbers[known])
    if len(values) <= min(FEW_NUMBERS, len(numbers) // 2):
        place = np.searchsorted(values, numbers)
        shown = tuple(f"{value:g}" for value in values.tolist())
    else:
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, 6)))
        place = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
        shown = tuple(f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges.tolist()))
    return AboutColumn(name, shown, np.where(known, place, -1).astype(np.int32))
