"""What looks odd about vectors: scales, sentinels, far-off rows, columns that tell the truth.

Each of these gave a wrong result without an error; none is certain, so they are notes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.refusal import quoted
from falcon_svc.types import FloatArray, IntArray, LabelSource, Note, Scale

SCALE_RATIO = 100.0
LENGTH_RATIO = 50.0
LONG_ROWS = "long_rows"
MINUS_ONE = -1.0
SENTINELS = (
    MINUS_ONE,
    *(-99.0, -999.0, -9999.0, -99999.0, -999999.0, -999.25, -32768.0, -2147483648.0, -1e10),
    *(99.0, 999.0, 9999.0, 99999.0, 999999.0, 2147483647.0, 1e10),
)
NESTED_SHARE, NESTED_CODES = 0.99, 0.9
"""Of the samples: so many agree. Codes, whole numbers, may be a truth with mistakes."""

ROWS_PER_VALUE = 3
MOST_VALUES = 10_000
MOST_COLUMNS = 512  # of whole numbers that are compared with the classes
SAMPLE_ROWS = 2_000  # that are looked at first
FEW_ROWS = 20
FEW_VALUES = 5  # of ratings and codes, where -1 is one of them
DENSE = 4  # numbers of an index that rows were taken from lie this close together
EXACT_FLOATS = 2.0**24
SHOWN = 5

Name = Callable[[int], str]


def vector_notes(
    vectors: FloatArray,
    figures: ColumnFigures,
    names: tuple[str, ...] | None,
    sources: tuple[LabelSource, ...],
    scale: Scale,
) -> list[Note]:
    """Return the notes on (N, D) finite vectors as they were read, before scaling."""

    def name(column: int) -> str:
        return quoted(names[column]) if names else f"column {column}"

    found = [] if scale != "none" else _scales(figures, name)
    found += _sentinels(vectors, figures, name)
    found += _long_rows(figures)
    found += _like_ids(vectors, figures, name)
    return found + [note for source in sources for note in _nested(vectors, figures, name, source)]


def _scales(figures: ColumnFigures, name: Name) -> list[Note]:
    varying = np.flatnonzero(figures.deviation > 0)
    if not varying.size:
        return []
    spread = figures.deviation[varying]
    small, large = int(varying[spread.argmin()]), int(varying[spread.argmax()])
    ratio = figures.deviation[large] / figures.deviation[small]
    if ratio <= SCALE_RATIO:
        return []
    text = f"Columns are on very different scales: {name(large)} varies {ratio:,.0f} times as much "
    text += f"as {name(small)}, so distances hardly see the latter; "
    return [Note("scales", text + 'set scale = "standard" unless that is meant.')]


def _sentinels(vectors: FloatArray, figures: ColumnFigures, name: Name) -> list[Note]:
    """Codes for a missing value: extreme in their column, and further off than it is wide."""
    found = []
    for value in SENTINELS:
        extreme = figures.low if value < 0 else figures.high
        for column in np.flatnonzero(extreme == np.float32(value)).tolist():
            values = np.asarray(vectors[:, column], dtype=np.float64)
            there = values == np.float32(value)
            others = values[~there]
            is_odd = _is_missing if value == MINUS_ONE else _is_apart
            if others.size and is_odd(value, others):
                found.append(f"{value:g} in {name(column)} ({int(there.sum()):,} rows)")
    if not found:
        return []
    text = f"Values look like codes for missing ones: {'; '.join(found[:SHOWN])}"
    text += f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return [Note("sentinels", f"{text}; replace them or leave these rows out.")]


def _is_apart(value: float, others: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    low, high = float(others.min()), float(others.max())
    gap = low - value if value < low else value - high
    return gap > max(high - low, 1e-12)


def _is_missing(value: float, others: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Return whether -1 stands among positive whole numbers of several values, as ages are."""
    whole = bool((others == np.floor(others)).all())
    return value < 1 <= others.min() and whole and len(np.unique(others)) > FEW_VALUES


def _long_rows(figures: ColumnFigures) -> list[Note]:
    rows = long_rows(figures)
    if not len(rows):
        return []
    ratio = figures.length.max() / np.median(figures.length)
    worst = rows[figures.length[rows].argmax()]
    text = f"Rows whose vector is more than {LENGTH_RATIO:g} times as long as the median one: "
    text += f"{len(rows):,}, the longest in row {worst} (counted from 0) with {ratio:,.0f} times; "
    return [Note(LONG_ROWS, text + "check their units, or leave them out.")]


def long_rows(figures: ColumnFigures) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows that are more than 50 times as long as the median row."""
    median = float(np.median(figures.length))
    return np.flatnonzero(figures.length > LENGTH_RATIO * median) if median > 0 else np.arange(0)


def _like_ids(vectors: FloatArray, figures: ColumnFigures, name: Name) -> list[Note]:
    """Columns of different whole numbers close together, or that rise with every row."""
    n = len(vectors)
    span = figures.high.astype(np.float64) - figures.low
    likely = np.flatnonzero(figures.whole & (span >= n - 1) & (figures.high < EXACT_FLOATS))
    told = [
        name(column)
        for column in likely[:MOST_COLUMNS].tolist()
        if n >= FEW_ROWS and _is_like_ids(np.asarray(vectors[:, column]), float(span[column]))
    ]
    if not told:
        return []
    text = f"Whole numbers in {_listed(told)} are different in every row, as ids or an index are; "
    return [Note("like_ids", text + "name them in ignore_columns if they are.")]


def _is_like_ids(values: FloatArray, span: float) -> bool:
    rising = bool((values[1:] > values[:-1]).all())
    return rising or (span < DENSE * len(values) and len(np.unique(values)) == len(values))


def _nested(
    vectors: FloatArray, figures: ColumnFigures, name: Name, source: LabelSource
) -> list[Note]:
    """Columns of few values of which each lies in one coarse class, or nearly so."""
    labelled = np.flatnonzero(source.labels >= 0)
    few = labelled[:: max(1, len(labelled) // SAMPLE_ROWS)]
    varying = np.flatnonzero(figures.high > figures.low)[:MOST_COLUMNS]

    def tells(column: int, rows: IntArray) -> bool:
        share = NESTED_CODES if figures.whole[column] else NESTED_SHARE
        values, labels = np.asarray(vectors[rows, column]), source.labels[rows]
        return _tells(values, labels, source.n_coarse, share)

    told = [name(c) for c in varying.tolist() if tells(c, few) and tells(c, labelled)]
    if not told:
        return _indicators(vectors, figures, name, source, few)
    text = f"Each value of {_listed(told)} lies in one coarse class of {quoted(source.name)}: "
    text += "they may be labels, even the truth that is looked for; "
    return [Note("nested_numbers", text + "name them in ignore_columns if they are.")]


def _indicators(
    vectors: FloatArray, figures: ColumnFigures, name: Name, source: LabelSource, rows: IntArray
) -> list[Note]:
    """Columns of 0 and 1, of which one is 1 in each row and only in one coarse class: one-hot."""
    binary = np.flatnonzero(figures.whole & (figures.low == 0) & (figures.high == 1))[:MOST_COLUMNS]
    labels = source.labels[rows]
    ones = np.asarray(vectors[np.ix_(rows, binary)]) == 1
    by_class = np.stack([ones[labels == k].sum(axis=0) for k in range(source.n_coarse)])
    inside = by_class.max(axis=0, initial=0) >= np.maximum(1, NESTED_SHARE * ones.sum(axis=0))
    codes = ones[:, inside].argmax(axis=1) if inside.any() else np.zeros(len(rows), np.int64)
    alone = (ones[:, inside].sum(axis=1) == 1).mean() if len(rows) else 0.0
    if alone < NESTED_SHARE or not _tells(codes.astype(np.float32), labels, source.n_coarse):
        return []
    told = [name(column) for column in binary[inside].tolist()]
    text = f"One of {_listed(told)} is 1 in each row, and each in one coarse class of "
    text += f"{quoted(source.name)} only: they may be labels, even the truth that is looked for; "
    return [Note("nested_numbers", text + "name them in ignore_columns if they are.")]


def _listed(names: list[str]) -> str:
    """Return at most five names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _tells(
    values: FloatArray, labels: IntArray, n_coarse: int, share: float = NESTED_SHARE
) -> bool:
    kinds, codes = np.unique(values, return_inverse=True)
    if not n_coarse <= len(kinds) <= min(MOST_VALUES, len(values) // ROWS_PER_VALUE):
        return False
    table = np.bincount(codes * n_coarse + labels, minlength=len(kinds) * n_coarse)
    agreeing = int(table.reshape(len(kinds), n_coarse).max(axis=1).sum())
    chance = int(np.bincount(labels).max())
    return agreeing >= share * len(values) and agreeing > chance
