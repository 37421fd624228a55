"""Files of labels or predictions: a path per row, with the sample's id where there is one.

Place: what `falcon metrics` reads. Two files with ids are joined by them, whatever their order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from falcon_svc.data.refusal import quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.files import check_header, chosen_columns, read_table
from falcon_svc.types import IntArray

ID = "id"
CLASSIFIED = re.compile("level_[0-9]+")
"""Columns of levels in what `falcon classify` writes."""


@dataclass(frozen=True)
class LabelFile:
    """Paths of samples.

    Parameters
    ----------
    name
        Of the file.
    ids
        (n,) of the samples, each once; None where the file has none.
    paths
        n paths, "" behind the end of shorter ones.
    """

    name: str
    ids: tuple[str, ...] | None
    paths: list[list[str]]

    @classmethod
    def read(
        cls, file: Path, levels: Sequence[str] | None = None, id_column: str = ID
    ) -> LabelFile:
        """Read a CSV file with a header.

        Parameters
        ----------
        file
            Its columns of levels are those that are named; else ``level_1``, ``level_2``, .. where
            it has them, as `falcon classify` writes; else all but the ids.
        levels
            Names of these columns, top level first.
        id_column
            Name of the column of ids.

        Raises
        ------
        InputError
            The file cannot be read as that, or an id comes twice.
        """
        header, rows = read_table(file)
        ids = None
        if id_column in header:
            ids = tuple(row[header.index(id_column)] for row in rows)
            _check_once(ids, file)
        else:
            check_header(header, rows, file)
        chosen = _levels(header, levels, id_column)
        return cls(file.name, ids, chosen_columns(header, rows, chosen, file))

    def at(self, rows: Sequence[int]) -> LabelFile:
        """Return some of the rows.

        Parameters
        ----------
        rows
            Their numbers, from 0.
        """
        ids = None if self.ids is None else tuple(self.ids[row] for row in rows)
        return LabelFile(self.name, ids, [self.paths[row] for row in rows])

    def rows_of(self, ids: Sequence[str]) -> IntArray:
        """Return the row of each id.

        Raises
        ------
        InputError
            There is none for some.
        """
        place = {name: row for row, name in enumerate(self.ids or ())}
        missing = [name for name in ids if name not in place]
        if missing:
            raise InputError(
                f"Expected a prediction for every labelled sample, found none for "
                f"{quoted(missing[0])}{f' and {len(missing) - 1:,} more' if missing[1:] else ''} "
                f"in {quoted(self.name)}; predict them too, or leave them out of the labels."
            )
        return np.array([place[name] for name in ids], np.int64)


def _levels(header: Sequence[str], levels: Sequence[str] | None, id_column: str) -> list[str]:
    classified = [name for name in header if CLASSIFIED.fullmatch(name)]
    named = list(levels or ())
    if named and (not classified or set(named) <= set(header)):
        return named
    return classified or [name for name in header if name != id_column]


def _check_once(ids: Sequence[str], file: Path) -> None:
    name, n = Counter(ids).most_common(1)[0]
    if n > 1:
        raise InputError(
            f"Expected every id once, found {quoted(name)} {n} times in {quoted(file.name)}; "
            "keep one row per sample."
        )


@dataclass(frozen=True)
class Joined:
    """Labels with their predictions.

    Parameters
    ----------
    true, predicted
        n paths each.
    n_left_out
        Predictions of samples without a label.
    """

    true: list[list[str]]
    predicted: list[list[str]]
    n_left_out: int


def joined(truth: LabelFile, predictions: LabelFile) -> Joined:
    """Return labels and predictions of the same samples: by id, or row by row where none has ids.

    Raises
    ------
    InputError
        One file alone has ids, a labelled sample has no prediction, or without ids the numbers of
        rows differ.
    """
    if (truth.ids is None) != (predictions.ids is None):
        has, lacks = (truth, predictions) if predictions.ids is None else (predictions, truth)
        raise InputError(
            f"Expected ids in both files or in none, found them in {quoted(has.name)} alone; give "
            f"{quoted(lacks.name)} a column of ids too, or name a column that is none."
        )
    if truth.ids is None:
        _check_same(len(truth.paths), len(predictions.paths))
        return Joined(truth.paths, predictions.paths, 0)
    rows = predictions.rows_of(truth.ids)
    chosen = [predictions.paths[row] for row in rows.tolist()]
    return Joined(truth.paths, chosen, len(predictions.paths) - len(rows))


def _check_same(n_labels: int, n_predictions: int) -> None:
    if n_labels != n_predictions:
        raise InputError(
            f"Expected one prediction per label, found {n_predictions:,} predictions for "
            f"{n_labels:,} labels; give both in the same order, or both with a column of ids."
        )
