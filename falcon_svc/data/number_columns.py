"""Columns of numbers as vectors: a few hundred columns at a time, every bad cell by row and value.

A column that turns out to hold each row's number once is dropped here, and told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.feature_choice import Choice
from falcon_svc.data.formats.arrow_columns import ARROW_ERRORS, Columns
from falcon_svc.data.formats.arrow_numpy import floats
from falcon_svc.data.number_text import Mark, NumberText
from falcon_svc.data.refusal import Finding, findings, listed, quoted, reading, refusal
from falcon_svc.data.source import Samples
from falcon_svc.types import FloatArray, Note

COLUMNS_AT_ONCE = 256
EXACT_FLOATS = 2**24  # whole numbers up to here are exact in float32


@dataclass(frozen=True)
class NumberColumns:
    """Reads the columns of one table that were chosen as features."""

    columns: Columns
    where: str
    config: DataConfig

    def samples(self, found: Choice, notes: tuple[Note, ...]) -> Samples:
        """Read the chosen columns; cells that are no numbers are findings."""
        names = found.numbers
        self._check_there(names)
        marks = self._marks(found.texts)
        with (
            np.errstate(over="ignore", invalid="ignore"),
            reading("columns of numbers", where=self.where, errors=ARROW_ERRORS),
        ):
            out = self._numbers([name for name in names if name not in found.texts], names)
            for name, judged in found.texts.items():
                out[:, names.index(name)] = judged.values(marks[name])
        wrong = [
            one for n, judged in found.texts.items() for one in _bad_cells(n, judged, marks[n])
        ]
        read = Samples(
            vectors=out,
            names=names,
            left_out=found.left_out,
            notes=notes,
            findings=tuple(wrong),
        )
        return read if self.config.feature_columns else self._without_row_numbers(read)

    def _numbers(self, read: list[str], names: tuple[str, ...]) -> FloatArray:
        """Return (rows, columns) with the columns of `read` filled in, a few at a time."""
        out = np.empty((self.columns.rows, len(names)), np.float32)
        place = {name: column for column, name in enumerate(names)}
        for first in range(0, len(read), COLUMNS_AT_ONCE):
            some, start = read[first : first + COLUMNS_AT_ONCE], 0
            for batch in self.columns.batches(some):
                for column, name in enumerate(some):
                    values = floats(batch.column(column))
                    out[start : start + batch.num_rows, place[name]] = values
                start += batch.num_rows
        return out

    def _without_row_numbers(self, read: Samples) -> Samples:
        """Drop columns that are a permutation of the rows' numbers, and tell."""
        assert read.vectors is not None and read.names is not None
        counting = [c for c in range(len(read.names)) if counts_rows(read.vectors[:, c])]
        if not counting:
            return read
        dropped = [read.names[column] for column in counting]
        kept = [c for c in range(len(read.names)) if c not in set(counting)]
        self._check_there(tuple(read.names[c] for c in kept))
        told = read.told(
            left_out=[(name, "it counts the rows") for name in dropped],
            notes=[_counts_rows_note(name) for name in dropped],
        )
        names = tuple(read.names[c] for c in kept)
        return replace(told, vectors=read.vectors[:, kept], names=names)

    def _marks(self, texts: dict[str, NumberText]) -> dict[str, Mark]:
        """Return the decimal mark of each column; one that could be either follows the others."""
        decimal = self.config.decimal
        if decimal != "auto":
            return dict.fromkeys(texts, decimal)
        sure = {name: judged.mark for name, judged in texts.items() if judged.mark is not None}
        hint = self._mark_of_the_others(texts)
        for name, judged in texts.items():
            if name not in sure and hint is None:
                raise _ambiguous(name, judged, self.where)
        return {name: sure.get(name) or hint or "." for name in texts}

    def _mark_of_the_others(self, texts: dict[str, NumberText]) -> Mark | None:
        """Return the one mark that other columns have, else what the dialect has; None = both."""
        seen = {judged.mark for judged in texts.values() if judged.is_decided}
        seen |= {self.columns.seen_mark} - {None}
        return seen.pop() if len(seen) == 1 else None if seen else self.columns.usual_mark

    def _check_there(self, names: tuple[str, ...]) -> None:
        schema = self.columns.schema
        if not self.columns.rows:
            raise refusal(
                "at least one row",
                "none",
                where=self.where,
                remedy="give a table with a row per sample",
                code="no_data",
            )
        if not names:
            raise refusal(
                "a vector column or columns of numbers",
                f"the columns {listed(f'{field.name}: {field.type}' for field in schema)}",
                where=self.where,
                remedy="name the vectors with vector_column; numbers with units (12 %) need bare "
                "numbers in their cells",
                code="no_such_column",
            )
        if len(names) < 2:
            raise refusal(
                "two or more columns of numbers",
                f"one, {quoted(names[0])}, among {listed(schema.names)}",
                where=self.where,
                remedy="give a row per sample with a column per feature (pivot a table of one "
                "value per row); columns of text, numbers with units among them, are no features",
                code="bad_shape",
            )
        size = 4 * len(names) * self.columns.rows
        if len(names) > self.config.max_dimensions or size > self.config.max_bytes:
            raise refusal(
                f"at most {self.config.max_dimensions:,} columns and "
                f"{self.config.max_bytes:,} bytes",
                f"{len(names):,} columns and {size:,} bytes",
                where=self.where,
                remedy="reduce the vectors, or raise max_dimensions or max_bytes",
                code="too_large",
            )


def counts_rows(values: NDArray[Any]) -> bool:
    """Return whether at least ten whole numbers are a permutation of row numbers, from 0 or 1."""
    n = len(values)
    if not 10 <= n < EXACT_FLOATS or values[0] != np.floor(values[0]):
        return False
    first = float(values.min())
    if first not in (0, 1) or float(values.max()) != first + n - 1:
        return False
    return bool((np.sort(values) == np.arange(n) + first).all())


def _counts_rows_note(name: str) -> Note:
    text = f"Column {quoted(name)} holds every row's number once and is left out; if it is a "
    return Note("row_numbers", text + "feature, name all features with feature_columns.")


def _bad_cells(name: str, judged: NumberText, mark: Mark) -> list[Finding]:
    return findings(
        "bad_number",
        "numbers in a column of numbers",
        "mend this cell, remove the row, or leave the column out with ignore_columns",
        judged.wrong(mark).tolist(),
        lambda row: f"{quoted(judged.texts[row].as_py())} (column {quoted(name)})",
    )


def _ambiguous(name: str, judged: NumberText, where: str) -> Exception:
    text = judged.example()
    plain, other = text.replace(",", "."), text.replace(",", "").replace(".", "")
    return refusal(
        f"numbers in column {quoted(name)} that can be read in one way only",
        f"{quoted(text)}, which may be {plain} or {other}",
        where=where,
        remedy='say which mark is the decimal one with decimal = "," or "."',
        code="ambiguous_number",
    )
