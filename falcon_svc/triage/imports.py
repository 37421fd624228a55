"""Corrections read back from the tools that a review was exported to, row by row.

Nothing is applied here: `read_label_studio` and `read_csv` return the corrections that would bring
the review to what the file says, and every row that cannot be taken, with the reason. Only what
differs from the present review becomes a correction.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from falcon_svc.errors import InputError
from falcon_svc.result.spreadsheets import FORMULA
from falcon_svc.triage.corrections import (
    Correction,
    CorrectionError,
    Label,
    WrongCoarse,
)
from falcon_svc.triage.state import Review

MOST_BYTES = 512 << 20


@dataclass(frozen=True)
class FailedRow:
    """A row that was not taken: its place in the file (from 1), the sample's id, and why."""

    row: int
    id: str | None
    reason: str


@dataclass(frozen=True)
class Imported:
    """What a file says.

    Attributes
    ----------
    corrections : tuple of Correction
    n_rows, n_same : int
        Rows read, and those that say what the review says already.
    failed : tuple of FailedRow
    """

    corrections: tuple[Correction, ...]
    n_rows: int
    n_same: int
    failed: tuple[FailedRow, ...]

    def sentence(self) -> str:
        """Return the report in one sentence."""
        changed = self.n_rows - self.n_same - len(self.failed)
        return (
            f"{self.n_rows:,} rows read: {changed:,} change a class, {self.n_same:,} say what the "
            f"review says already, {len(self.failed):,} could not be taken."
        )


@dataclass(frozen=True)
class _Said:
    """One row: a sample, its coarse class (None = not said) and its class by id or name."""

    row: int
    id: str | None
    coarse: str | None
    chosen: str | None
    problem: str | None = None


def read_csv(review: Review, data: bytes) -> Imported:
    """Read a CSV with the columns `id`, `class_id` or `class`, and if it likes `coarse`.

    Raises
    ------
    InputError
        It is no CSV in UTF-8, or a column is missing.
    """
    columns, rows = _table(_text(data))
    if len(set(columns)) < len(columns):
        raise InputError(
            f"Every column once was expected in the CSV, found {', '.join(columns)}; leave out "
            "those that do not count."
        )
    if "id" not in columns or not {"class_id", "class"} & set(columns):
        raise InputError(
            f"A CSV with the columns id and class_id (or class) was expected, found "
            f"{', '.join(sorted(columns)) or 'none'}; export one with falcon export to see it."
        )
    return _imported(review, (_csv_row(i, row) for i, row in enumerate(rows, 1)))


def _table(text: str) -> tuple[list[str], list[dict[str | None, Any]]]:
    """Return the columns of a CSV and its rows by them."""
    rows: csv.DictReader[Any] = csv.DictReader(io.StringIO(text))
    try:
        return list(rows.fieldnames or ()), list(rows)
    except csv.Error as error:
        raise InputError(
            f"A CSV was expected, but line {rows.line_num:,} is none ({error}); look there for a "
            "quote that is not closed, and save it as CSV again."
        ) from error


def read_label_studio(review: Review, data: bytes) -> Imported:
    """Read Label Studio's JSON export: the last annotation of each task that has one.

    Raises
    ------
    InputError
        It is no JSON list of tasks.
    """
    try:
        tasks = json.loads(_text(data))
    except (ValueError, RecursionError) as error:
        raise InputError(f"Label Studio's JSON was expected, but it is none: {error}.") from error
    if not isinstance(tasks, list):
        raise InputError("A list of Label Studio's tasks was expected; export it as JSON there.")
    said = (_task_row(i, task) for i, task in enumerate(tasks, 1))
    return _imported(review, (row for row in said if row is not None))


IMPORTS: dict[str, Callable[[Review, bytes], Imported]] = {
    "label-studio": read_label_studio,
    "csv": read_csv,
}
"""Format -> what reads it."""


def _csv_row(number: int, row: dict[str | None, Any]) -> _Said:
    def cell(name: str) -> str | None:
        value: str = row.get(name) or ""
        return (value[1:] if _guarded(value) else value) or None

    if None in row:
        return _Said(number, cell("id"), None, None, "it has more cells than there are columns")
    return _Said(number, cell("id"), cell("coarse"), cell("class_id") or cell("class"))


def _guarded(value: str) -> bool:
    """Whether the quote in front was put there against formulas."""
    return value.startswith("'") and value[1:].startswith(FORMULA)


def _task_row(number: int, task: Any) -> _Said | None:
    try:
        name = task["data"].get("id")
        done = [a for a in task.get("annotations", ()) if not a.get("was_cancelled")]
        if not done:
            return None
        taxonomies = [
            result["value"]["taxonomy"]
            for result in done[-1]["result"]
            if result.get("type") == "taxonomy"
        ]
    except (TypeError, KeyError, AttributeError):
        return _Said(number, None, None, None, "it is no task of Label Studio")
    if len(taxonomies) != 1 or len(taxonomies[0]) != 1:
        return _Said(number, name, None, None, "exactly one choice of the taxonomy was expected")
    path = taxonomies[0][0]
    if not (isinstance(path, list) and len(path) == 2 and all(isinstance(p, str) for p in path)):
        return _Said(number, name, None, None, "the choice is no class: [coarse class, class]")
    return _Said(number, name, path[0], path[1])


def _imported(review: Review, rows: Iterable[_Said]) -> Imported:
    wrong: dict[tuple[str, str], list[str]] = {}
    labels: dict[str, list[str]] = {}
    failed: list[FailedRow] = []
    seen: set[str] = set()
    n_rows = n_same = 0
    for said in rows:
        n_rows += 1
        try:
            coarse, class_id = _read(review, said, seen)
        except CorrectionError as error:
            failed.append(FailedRow(said.row, said.id, str(error)))
            continue
        assert said.id is not None
        row = review.row_of[said.id]
        if coarse is not None and review.coarse_of[coarse] != review.coarse[row]:
            wrong.setdefault((coarse, class_id), []).append(said.id)
        elif f"c{review.fine[row]}" == class_id:
            n_same += 1
        else:
            labels.setdefault(class_id, []).append(said.id)
    made: list[Correction] = [
        WrongCoarse(samples=tuple(ids), coarse=coarse, class_id=class_id)
        for (coarse, class_id), ids in wrong.items()
    ]
    made += [Label(samples=tuple(ids), class_id=class_id) for class_id, ids in labels.items()]
    return Imported(tuple(made), n_rows, n_same, tuple(failed))


def _read(review: Review, said: _Said, seen: set[str]) -> tuple[str | None, str]:
    """Return the coarse class that was said and the class's id; CorrectionError says why not."""
    if said.problem is not None:
        raise CorrectionError(f"The row was not taken: {said.problem}.")
    if said.id is None or said.id not in review.row_of:
        raise CorrectionError(f"There is no sample {(said.id or '')[:60]!r} in this review.")
    if said.id in seen:
        raise CorrectionError(f"The sample {said.id!r} occurs a second time; the first counts.")
    seen.add(said.id)
    if said.chosen is None:
        raise CorrectionError("The row names no class.")
    coarse = said.coarse
    if coarse is not None:
        review.coarse_number(coarse)
    home = review.coarse[review.row_of[said.id]] if coarse is None else review.coarse_of[coarse]
    return coarse, _class_id(review, said.chosen, int(home))


def _class_id(review: Review, chosen: str, coarse: int) -> str:
    """Find a class by id, or by a name that one class of the coarse class has."""
    by_id = {held.id: held for held in review.classes.values() if held.status != "rejected"}
    found = (
        [by_id[chosen]]
        if chosen in by_id
        else [held for held in by_id.values() if held.name == chosen]
    )
    inside = [held for held in found if coarse < 0 or coarse in held.parents]
    where = "any coarse class" if coarse < 0 else repr(review.coarse_names[coarse])
    if not found:
        raise CorrectionError(f"There is no class {chosen[:60]!r} in this review.")
    if not inside:
        raise CorrectionError(
            f"The class {chosen!r} does not hang under {where}; a coarse label is only changed by "
            "naming another one."
        )
    if len(inside) > 1:
        raise CorrectionError(f"Several classes under {where} are called {chosen!r}; use the id.")
    return inside[0].id


def _text(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise InputError(
            f"A file of at most {MOST_BYTES >> 20} MiB is read, this one has {len(data) >> 20} "
            "MiB; split it."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"A text in UTF-8 was expected, but byte {error.start:,} is none; save it as UTF-8."
        ) from error
