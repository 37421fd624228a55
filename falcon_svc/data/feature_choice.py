"""Which columns of a table are the features, and why the others are not.

One column with vectors wins over columns of numbers. Otherwise every column of numbers is a
feature, unless a setting, its role or its name says that it is something else. Nothing is left out
without a reason that `falcon validate` prints; what was guessed becomes a note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from falcon_svc.columns import further
from falcon_svc.data.column_names import (
    FINE_TRUTH,
    PLACE_NAMES,
    VECTOR_NAMES,
    Roles,
    first_of,
    folded,
    why_no_feature,
)
from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats import arrow_types
from falcon_svc.data.formats.arrow_numpy import looks_like_vector, unprinted
from falcon_svc.data.formats.box_columns import BOX_NAMES
from falcon_svc.data.formats.schema_metadata import pandas_index
from falcon_svc.data.number_text import NumberText
from falcon_svc.data.record_columns import beside_record, one_kind
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.types import Note

TOKENS = ("input_ids", "token_ids", "tokens", "attention_mask", "token_type_ids", "shape")
SAMPLE = 1_000  # cells that are looked at before a column of text is judged whole
YES_NO = (("yes", "no"), ("y", "n"), ("t", "f"), ("true", "false"), ("on", "off"), ("ja", "nein"))
LOOKED_AT = 20  # cells that say whether a column of text holds vectors
PACKED_LETTERS = 16
SUSPICIOUS = 0.1  # share of numbers in a column of text that is worth a note

Read = Callable[[str], pa.ChunkedArray]
Reasons = dict[str, str]


@dataclass(frozen=True)
class Choice:
    """`vector` or else `numbers` are the features; `texts` are the judged ones of `numbers`."""

    vector: str | None
    numbers: tuple[str, ...]
    texts: dict[str, NumberText]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[Note, ...]


def vector_column(
    schema: pa.Schema, read: Read, roles: Roles, config: DataConfig, where: str
) -> str | None:
    """Return the column of vectors: one of a usual name, or the only one there is.

    Raises
    ------
    InputError
        Several columns hold vectors and none has a usual name.
    """
    if config.feature_columns:
        return None
    found = [
        column.name
        for column in schema
        if column.name not in config.ignore_columns
        and roles.role(column.name) is None
        and folded(column.name) not in (*BOX_NAMES, *TOKENS, *PLACE_NAMES)
        and _holds_vectors(column, read)
    ]
    usual = first_of(VECTOR_NAMES, found)
    if usual is None and len(found) > 1:
        raise refusal(
            "one column with the vectors",
            f"{len(found)} columns with lists of numbers ({listed(found)})",
            where=where,
            remedy="name the right one with vector_column",
            code="several_vectors",
        )
    return usual or next(iter(found), None)


def _holds_vectors(column: pa.Field, read: Read) -> bool:
    if arrow_types.is_vector(column.type):
        return True
    if not arrow_types.is_words(column.type):
        return False
    sample = read(column.name)[:SAMPLE]
    texts = [str(value).strip() for value in sample.to_pylist() if value][:LOOKED_AT]
    vectors = [text for text in texts if looks_like_vector(text.replace("...", " "))]
    if not vectors or 2 * len(vectors) < len(texts):
        return False
    bare = folded(column.name) in VECTOR_NAMES and not NumberText.of(sample).is_number
    return unprinted(vectors[0])[:1] in ("[", "(") or bare


def choose(schema: pa.Schema, read: Read, roles: Roles, config: DataConfig, where: str) -> Choice:
    """Return the columns that are features, with the reasons of the others."""
    vector = config.vector_column or vector_column(schema, read, roles, config, where)
    if config.feature_columns:
        return _as_told(schema, read, roles, config, where)
    if vector is None:
        _check_packed(schema, read, roles, config, where)
    judge = _Judge.of(schema, read, roles, config)
    numbers = [f.name for f in schema if f.name != vector and judge.is_feature(f)]
    if vector is not None:
        left_out = judge.reasons | dict.fromkeys(numbers, f"the vectors are in {quoted(vector)}")
        beside = (_beside_vectors(vector, numbers),) if numbers else ()
        return Choice(vector, (), {}, tuple(left_out.items()), beside)
    used, others = one_kind(schema, numbers)
    reasons = judge.reasons | dict.fromkeys(others, "numbers of another record, or of none")
    notes = [*judge.notes, *_guesses(schema, judge.reasons), *_packed(schema, read, judge.reasons)]
    notes += [beside_record(used, others)] if others else []
    left = set(others)
    texts = {name: judged for name, judged in judge.texts.items() if name not in left}
    return Choice(None, tuple(used), texts, tuple(reasons.items()), tuple(notes))


def _check_packed(
    schema: pa.Schema, read: Read, roles: Roles, config: DataConfig, where: str
) -> None:
    """Raise InputError where vectors are there in a form that is not read, as base64 is."""
    names = [n for n in schema.names if n not in config.ignore_columns and roles.role(n) is None]
    column = schema.field(first_of(VECTOR_NAMES, names)) if first_of(VECTOR_NAMES, names) else None
    if column is None or arrow_types.is_number(column.type):
        return
    cells = read(column.name)[:LOOKED_AT]
    sample = cells.to_pylist()
    if not sample or (arrow_types.is_words(column.type) and NumberText.of(cells).is_number):
        return
    if pa.types.is_struct(column.type) or all(map(_is_packed, filter(None, sample))):
        first = next(filter(None, sample), "nothing")
        raise refusal(
            f"lists of numbers in column {quoted(column.name)}",
            f"{quoted(str(first)[:40])} of type {column.type}",
            where=where,
            remedy="write the vectors as lists, such as [0.1, 2.5], or name the column in "
            "ignore_columns",
            code="bad_dtype",
        )


def _is_packed(value: object) -> bool:
    """Return whether a cell is bytes, or a word as long as base64 of three numbers or more."""
    text = str(value).strip()
    return isinstance(value, bytes) or (len(text) >= PACKED_LETTERS and len(text.split()) == 1)


def _as_told(schema: pa.Schema, read: Read, roles: Roles, config: DataConfig, where: str) -> Choice:
    """Return the columns of the setting, in its order."""
    texts: dict[str, NumberText] = {}
    if missing := [name for name in config.feature_columns if name not in schema.names]:
        raise refusal(
            f"the {len(config.feature_columns):,} features that are asked for, or that a model was "
            "made with",
            f"all but {listed(missing)}",
            where=where,
            remedy="add these columns under these names, or name others with feature_columns",
            code="missing_features",
        )
    for name in config.feature_columns:
        kind = schema.field(name).type
        if arrow_types.is_words(kind):
            texts[name] = NumberText.of(read(name))
        elif pa.types.is_null(kind):
            raise refusal(
                f"numbers in column {quoted(name)}, which is a feature",
                "nothing but empty cells",
                where=where,
                remedy="fill them in, or give a table with rows",
                code="non_finite",
            )
        elif not arrow_types.is_number(kind):
            raise refusal(
                f"numbers in column {quoted(name)}, which is asked for as a feature",
                f"the type {kind}",
                where=where,
                remedy="name columns of numbers, or name one column of lists with vector_column",
                code="no_such_column",
            )
    used = (*config.feature_columns, *(n for n in schema.names if roles.role(n) is not None))
    others = [name for name in schema.names if name not in used]
    reasons = tuple((name, "not among feature_columns") for name in others)
    notes = () if config.require_labels else _further(schema, others)
    return Choice(None, config.feature_columns, texts, reasons, notes)


def _further(schema: pa.Schema, others: list[str]) -> tuple[Note, ...]:
    """Return the note on columns that a model was made without, though they might be features."""
    numbers = [n for n in others if arrow_types.is_number(schema.field(n).type)]
    free = [name for name in numbers if why_no_feature(name) is None]
    return further((), free)


@dataclass
class _Judge:
    """Judges column by column; keeps the reasons, the judged texts, and what is to be told."""

    read: Read
    roles: Roles
    config: DataConfig
    reasons: Reasons
    texts: dict[str, NumberText] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    @classmethod
    def of(cls, schema: pa.Schema, read: Read, roles: Roles, config: DataConfig) -> _Judge:
        """Return a judge who knows pandas' index."""
        index = [name for name in pandas_index(schema) if roles.role(name) is None]
        return cls(read, roles, config, dict.fromkeys(index, "the table's index"))

    def is_feature(self, column: pa.Field) -> bool:
        """Return whether a column is a feature."""
        role = self.roles.role(column.name)
        if role is not None and role != FINE_TRUTH:
            return False  # it is used, though not as a feature
        reason = self.reasons.get(column.name) or role or self._why_not(column)
        if reason is not None:
            self.reasons[column.name] = reason
        return reason is None

    def _why_not(self, column: pa.Field) -> str | None:
        name = column.name
        if name in self.config.ignore_columns:
            return "named in ignore_columns"
        reason = why_no_feature(name) or _why_not_by_type(column.type)
        if reason is not None or not arrow_types.is_words(column.type):
            return reason
        values = self.read(name)
        judged = _judged(values)
        if judged is None:
            return _yes_or_no(name, values, self.notes) or "text"
        if judged.is_number:
            self.texts[name] = judged
            return None
        return _near_numbers(name, judged, self.notes)


def _why_not_by_type(kind: pa.DataType) -> str | None:
    if isinstance(kind, pa.BaseExtensionType):
        return f"of type {kind.extension_name}"  # periods, points: numbers that stand for others
    if arrow_types.is_number(kind) or arrow_types.is_words(kind):
        return None
    if pa.types.is_null(kind):
        return "empty"
    return "dates or times" if arrow_types.is_time(kind) else f"of type {kind}"


def _judged(values: pa.ChunkedArray) -> NumberText | None:
    """Return the whole column judged, or None where a sample of it holds no numbers at all."""
    step = max(1, len(values) // SAMPLE)
    sample = values.take(pa.array(np.arange(0, len(values), step), pa.int64()))
    first = NumberText.of(sample)
    if not (first.by_point.any() or first.by_comma.any() or first.with_unit.any()):
        return None
    return NumberText.of(values)


def _near_numbers(name: str, judged: NumberText, notes: list[Note]) -> str:
    numbers = max(int(judged.by_point.sum()), int(judged.by_comma.sum()))
    units = judged.with_unit
    if 2 * int(units.sum()) >= judged.present > 0:
        cell = judged.texts[int(units.argmax())].as_py()
        text = f"Column {quoted(name)} holds numbers with units, marks or a second number, such as "
        text += f"{quoted(cell)}, and is left out; "
        notes.append(Note("units", text + "write bare numbers to use it."))
        return "numbers with units"
    if numbers > SUSPICIOUS * judged.present:
        text = f"Column {quoted(name)} is left out as text, but {numbers:,} of its "
        text += f"{judged.present:,} cells are numbers; mend the others to use it."
        notes.append(Note("some_numbers", text))
    return "text"


def _yes_or_no(name: str, values: pa.ChunkedArray, notes: list[Note]) -> str | None:
    """Return the reason for a column of two words that stand for true and false."""
    words = {str(value).strip().casefold() for value in values[:SAMPLE].to_pylist() if value}
    if len(words) != 2 or not any(words == set(pair) for pair in YES_NO):
        return None
    text = f"Column {quoted(name)} holds {listed(sorted(words))} and is left out as text; "
    notes.append(Note("yes_no", text + "write 1 and 0 to use it."))
    return "yes and no as words"


def _packed(schema: pa.Schema, read: Read, reasons: Reasons) -> list[Note]:
    """Return the note on columns of bytes or maps, which may be the vectors."""
    told = [name for name in reasons if _holds_packed(schema.field(name).type, name, read)]
    if not told:
        return []
    text = (
        f"{listed(told)} may hold vectors, but {quoted(schema.field(told[0]).type)} is not read, "
    )
    text += "and the columns of numbers are the features; write lists of numbers instead, or name "
    return [Note("packed", text + "the column in ignore_columns.")]


def _holds_packed(kind: pa.DataType, name: str, read: Read) -> bool:
    if pa.types.is_map(kind):
        return arrow_types.is_number(kind.item_type)
    if not arrow_types.is_bytes(kind):
        return False
    cells = [cell for cell in read(name)[:LOOKED_AT].to_pylist() if cell]
    return bool(cells) and all(len(c) >= PACKED_LETTERS and not len(c) % 2 for c in cells)


def _beside_vectors(vector: str, numbers: list[str]) -> Note:
    return Note(
        "numbers_left_out",
        f"Column {quoted(vector)} holds the vectors, so {len(numbers):,} columns of numbers are "
        f"left out ({listed(numbers[:5])}); to use these instead, name them with feature_columns.",
    )


def _guesses(schema: pa.Schema, reasons: Reasons) -> list[Note]:
    """Return the note on numbers that only their names keep from being features."""
    guessed = [
        f"{quoted(name)}: {reason}"
        for name, reason in reasons.items()
        if reason.endswith("by its name") and arrow_types.is_number(schema.field(name).type)
    ]
    if not guessed:
        return []
    text = f"Columns of numbers are left out for their names ({'; '.join(guessed[:10])}); "
    return [Note("left_out", text + "to use one, name all features with feature_columns.")]
