"""What looks odd about the columns of a table: repeated ones, sums of the others, one-hot, dates.

Each of these weighs something that is there already, or that is no property of a sample, as if it
were a feature. None is certain, so they are notes.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.refusal import quoted
from falcon_svc.types import BoolArray, FloatArray, IntArray, Note

MOST_COLUMNS = 2_048  # further ones are an embedding's
LEAST_ROWS, LEAST_VALUES = 10, 5
SUM_ERROR = 2e-3  # of a sum's mean magnitude: so far it may be from what it adds up
STEM = re.compile(r"(.+)[_.=:]")  # of the name of a one-hot column, site_north
YEARS, EXCEL_DAYS = (1900, 2100), (25_569, 62_000)  # 1970 to 2069
SECONDS, MILLISECONDS = (3e8, 2.2e9), (3e11, 2.2e12)
DAYS_WRITTEN = (19_000_101, 21_001_231)
SHOWN = 5


def column_notes(
    vectors: FloatArray, figures: ColumnFigures, names: tuple[str, ...] | None
) -> list[Note]:
    """Return the notes on (N, D) named columns as they were read; none where they have no names."""
    if names is None or len(vectors) < LEAST_ROWS or len(names) > MOST_COLUMNS:
        return []
    return [
        *_repeated(vectors, figures, names),
        *_sums(vectors, figures, names),
        *_one_hot(vectors, figures, names),
        *_dates(vectors, figures, names),
    ]


def _repeated(vectors: FloatArray, figures: ColumnFigures, names: tuple[str, ...]) -> list[Note]:
    """Columns that hold what an earlier one holds, in every row."""
    first: dict[bytes, int] = {}
    found = []
    for column in np.flatnonzero(figures.high > figures.low).tolist():
        content = hashlib.sha256(np.ascontiguousarray(vectors[:, column]).tobytes()).digest()
        earlier = first.setdefault(content, column)
        if earlier != column:
            found.append(f"{quoted(names[column])} is {quoted(names[earlier])}")
    if not found:
        return []
    text = f"Columns are there twice and count twice: {_listed(found)}; "
    return [Note("repeated_columns", text + "name the repeated ones in ignore_columns.")]


def _sums(vectors: FloatArray, figures: ColumnFigures, names: tuple[str, ...]) -> list[Note]:
    """A column that adds up all others, or is their mean."""
    width = len(names)
    if width < 3:
        return []
    error = np.zeros((2, width))
    for start in range(0, len(vectors), 10_000):
        block = vectors[start : start + 10_000].astype(np.float64)
        rest = block.sum(axis=1, keepdims=True) - block
        apart = [np.abs(block - rest), np.abs(block - rest / (width - 1))]
        error = np.maximum(error, np.max(apart, axis=1))
    spread = figures.high.astype(np.float64) - figures.low
    told = np.flatnonzero((error <= SUM_ERROR * spread).any(axis=0) & (spread > 0))
    if not len(told):
        return []
    text = (
        f"{_listed(quoted(names[column]) for column in told.tolist())} adds up the other columns, "
    )
    return [Note("total_column", text + "or is their mean; name it in ignore_columns.")]


def _one_hot(vectors: FloatArray, figures: ColumnFigures, names: tuple[str, ...]) -> list[Note]:
    """Columns of 0 and 1 with one beginning of their names, of which one is 1 in each row."""
    binary = np.flatnonzero(figures.whole & (figures.low == 0) & (figures.high == 1)).tolist()
    groups = defaultdict(list)
    for column in binary:
        if stem := STEM.match(names[column]):
            groups[stem[1]].append(column)
    found = [
        f"{quoted(stem)} ({len(columns):,} columns)"
        for stem, columns in groups.items()
        if len(columns) > 1 and (vectors[:, columns].sum(axis=1) == 1).all()
    ]
    if not found:
        return []
    text = (
        f"Categories are written as columns of 0 and 1: {_listed(found)}. They count as features; "
    )
    return [Note("one_hot", text + "name these in ignore_columns if they must not part classes.")]


def _dates(vectors: FloatArray, figures: ColumnFigures, names: tuple[str, ...]) -> list[Note]:
    """Whole numbers that are all years, days or seconds, as far as numbers can tell."""
    found = []
    for column in np.flatnonzero(figures.whole & (figures.high > figures.low)).tolist():
        what = _time(vectors[:, column].astype(np.float64))
        if what is not None:
            found.append(f"{quoted(names[column])} ({what})")
    if not found:
        return []
    text = f"Whole numbers look like times: {_listed(found)}; name these columns in ignore_columns "
    return [Note("like_dates", text + "unless when something was makes it another class.")]


def _time(values: NDArray[np.float64]) -> str | None:
    kinds = np.unique(values)
    if len(kinds) < LEAST_VALUES:
        return None
    named = {"years": YEARS, "Excel's days": EXCEL_DAYS, "seconds": SECONDS}
    named["milliseconds"] = MILLISECONDS
    low, high = float(kinds[0]), float(kinds[-1])
    for what, (first, last) in named.items():
        if first <= low and high <= last:
            return what
    written = DAYS_WRITTEN[0] <= low and high <= DAYS_WRITTEN[1] and _are_days(kinds).all()
    return "days as YYYYMMDD" if written else None


def _are_days(values: NDArray[np.float64]) -> BoolArray:
    whole: IntArray = values.astype(np.int64)
    month, day = whole // 100 % 100, whole % 100
    return np.asarray((month >= 1) & (month <= 12) & (day <= 32))  # float32 rounds by one


def _listed(words: Iterable[str]) -> str:
    """Return at most five, and how many more there are."""
    every = list(words)
    more = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
