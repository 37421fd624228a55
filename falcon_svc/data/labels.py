"""Labels and ids: from a column of any plain type to codes, names and what is wrong.

Not labelled: -1, an empty string, NaN, null, and what pandas writes for them as text. Outer blanks
do not count, and whole numbers are the same label however they are written: 1, 1.0, "1.0". Names
are sorted, numerically when all of them are whole numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.label_notes import label_notes
from falcon_svc.data.refusal import Finding, findings, listed, quoted, refusal
from falcon_svc.data.source import Column
from falcon_svc.data.spelling import MISSING, MISSING_TEXT, one_form
from falcon_svc.errors import InputError
from falcon_svc.types import SEVERAL, UNLABELLED, IntArray, LabelSource, Note

UNCLEAN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
SEVERAL_MARKS = re.compile("[|;]")
LIST_VALUE = re.compile(r"""'([^']*)'|"([^"]*)\"""")
LIST = re.compile(r"""\[\s*('[^']*'|"[^"]*")?(\s*,\s*('[^']*'|"[^"]*"))*\s*\]""")
WHOLE = re.compile(r"-?[0-9]{1,18}")
WHOLE_FLOAT = re.compile(r"(-?[0-9]{1,18})(?:\.0+|,0{1,2}|,0{4,})")  # 1,000 is a thousand
FRACTION = re.compile(r"-?[0-9]*[.,][0-9]*[1-9][0-9]*")
LABEL_REMEDY = "give each row a short label, or -1 or an empty string for none"


@dataclass(frozen=True)
class Encoded:
    """Codes, the names they stand for, and rows that are wrong.

    Parameters
    ----------
    codes
        (N,) with -1 for missing.
    several
        Row -> its classes, where the label names two or more.
    """

    codes: IntArray
    names: tuple[str, ...]
    findings: list[Finding]
    notes: tuple[Note, ...] = ()
    several: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


def encode(
    values: Column, names: tuple[str, ...] | None, *, what: str, where: str, config: DataConfig
) -> Encoded:
    """Encode one column; `names` says what integers stand for, None = their digits.

    Raises
    ------
    InputError
        A type that cannot be a label.
    """
    if values.dtype.kind == "b":
        values = np.where(values, "True", "False")
    if values.dtype.kind in "OUS":
        return _encode_strings(as_strings(values, what=what, where=where), what, config)
    if values.dtype.kind not in "iuf":
        raise refusal(
            f"whole numbers or strings in column {quoted(what)}",
            f"the type {values.dtype.name}",
            where=where,
            remedy="convert the labels to int64 or str",
            code="bad_dtype",
        )
    if names is not None:
        _check_names(names, what, where, config)
    return _encode_numbers(values, names, what)


def _check_names(names: tuple[str, ...], what: str, where: str, config: DataConfig) -> None:
    repeated = {name for name, count in Counter(names).items() if count > 1}
    unfit = [name for name in names if not name or name in repeated or not _clean(name, config)]
    if unfit:
        raise refusal(
            f"different, plain names for the classes of {quoted(what)}",
            listed(unfit),
            where=where,
            remedy="give every class a name of its own without control characters",
            code="bad_label",
        )


def as_strings(values: Column, *, what: str, where: str) -> list[str]:
    """Return the values as strings in `one_form`; None becomes "", 1.0 becomes "1".

    Floats that are not all whole stay as they are written; bytes must be UTF-8.
    """
    if values.dtype.kind == "b":
        values = np.where(values, "True", "False")
    if values.dtype.kind not in "OUSiuf":
        raise refusal(
            f"strings or numbers in column {quoted(what)}",
            f"the type {values.dtype.name}",
            where=where,
            remedy="convert the column to str",
            code="bad_dtype",
        )
    if values.dtype.kind == "f":
        values = _plain_floats(values)
    if values.dtype.kind != "S":
        return ["" if value is None else one_form(str(value)) for value in values.tolist()]
    try:
        return [one_form(value.decode()) for value in values.tolist()]
    except UnicodeDecodeError as error:
        raise refusal(
            f"UTF-8 in column {quoted(what)}",
            "other bytes",
            where=where,
            remedy="save the column as Unicode strings",
            code="bad_label",
        ) from error


def _plain_floats(values: Column) -> Column:
    """Return whole floats as integers, NaN as None."""
    whole, wrong = _whole(values)
    if wrong.any():
        return values
    out = whole.astype(object)
    out[np.isnan(values)] = None
    return out


def _encode_strings(texts: list[str], what: str, config: DataConfig) -> Encoded:
    spelled = _one_spelling(set(texts))
    artefacts = spelled.keys() & MISSING_TEXT
    labels = [spelled[text] for text in texts]
    distinct = set(labels) - MISSING
    unclean = {text for text in distinct if not _clean(text, config)}
    several = _several(distinct - unclean)
    names = tuple(_in_order(distinct - unclean - several.keys()))
    code = {name: i for i, name in enumerate(names)}
    codes = np.fromiter((code.get(t, UNLABELLED) for t in labels), np.int64, len(texts))
    wrong = [row for row, text in enumerate(labels) if text in unclean] if unclean else []
    parents = {
        row: tuple(sorted(code[part] for part in several[text]))
        for row, text in enumerate(labels)
        if text in several
    }
    return Encoded(
        codes,
        names,
        _unclean(what, wrong, labels, config),
        label_notes(what, names, artefacts, several, len(parents)),
        parents,
    )


def _one_spelling(texts: set[str]) -> dict[str, str]:
    """Return how each text is read.

    Whole numbers are without .0, pandas' missing values none, lists written as text their values.
    """
    if all(LIST.fullmatch(text) for text in texts - MISSING) and texts - MISSING:
        return {text: SEVERAL.join(_listed(text)) for text in texts}
    fractions = any(FRACTION.fullmatch(text) for text in texts)
    read = {}
    for text in texts:
        whole = None if fractions else WHOLE_FLOAT.fullmatch(text)
        read[text] = "" if text in MISSING_TEXT else whole[1] if whole else text
    return read


def _listed(text: str) -> list[str]:
    """Return the values of a list such as ``['land', "sea"]``."""
    return [one or other for one, other in LIST_VALUE.findall(text)]


def _several(names: set[str]) -> dict[str, tuple[str, ...]]:
    """Return the labels that join two or more others by ``|`` or ``;``, with their parts."""
    parts = {name: _parts(name) for name in names if SEVERAL_MARKS.search(name)}
    alone = names - parts.keys()
    return {name: found for name, found in parts.items() if len(found) > 1 and set(found) <= alone}


def _parts(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in SEVERAL_MARKS.split(name)))


def _unclean(what: str, rows: list[int], texts: list[str], config: DataConfig) -> list[Finding]:
    return findings(
        "bad_label",
        f"at most {config.max_label_letters:,} letters without control characters in {what}",
        "clean the column",
        rows,
        lambda row: quoted(texts[row]),
    )


def _clean(text: str, config: DataConfig) -> bool:
    return len(text) <= config.max_label_letters and UNCLEAN.search(text) is None


def _in_order(names: set[str]) -> list[str]:
    if all(WHOLE.fullmatch(name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def _encode_numbers(values: Column, names: tuple[str, ...] | None, what: str) -> Encoded:
    whole, wrong = _whole(values)
    present = whole[(whole != UNLABELLED) & ~wrong]
    top = "" if names is None else f" to {len(names) - 1}"
    wrong |= whole < UNLABELLED
    if names is not None:
        wrong |= whole >= len(names)
    kept = np.unique(present[(present >= 0) & (present < (2**62 if names is None else len(names)))])
    codes = np.searchsorted(kept, whole)
    codes[wrong | (whole == UNLABELLED)] = UNLABELLED
    problems = findings(
        "bad_label",
        f"whole numbers from 0{top} (-1 = not labelled) in {what}",
        LABEL_REMEDY,
        np.flatnonzero(wrong).tolist(),
        lambda row: quoted(values[row]),
    )
    told = tuple(str(value) if names is None else names[value] for value in kept.tolist())
    return Encoded(codes.astype(np.int64), told, problems, _unused(what, names or told, told))


def _unused(what: str, names: tuple[str, ...], used: tuple[str, ...]) -> tuple[Note, ...]:
    """Return the note on names without samples; they are no classes of this data set."""
    unused = [name for name in names if name not in set(used)]
    if not unused:
        return ()
    text = f"Labels in {quoted(what)} have names that no sample has: {listed(unused)}; "
    return (Note("unused_names", text + "these are no classes of this data set."),)


def _whole(values: Column) -> tuple[IntArray, Column]:
    """Return int64 values (NaN as -1) and (N,) bool: not a whole number within +-2^62."""
    if values.dtype.kind == "f":
        filled = np.where(np.isnan(values), UNLABELLED, values.astype(np.float64))
        wrong = ~((np.abs(filled) < 2.0**62) & (np.floor(filled) == filled))
    else:
        filled = values
        wrong = (values > 2**62) | (values < (-(2**62) if values.dtype.kind == "i" else 0))
    return np.where(wrong, 0, filled).astype(np.int64), wrong


def to_source(name: str, encoded: Encoded, *, where: str, config: DataConfig) -> LabelSource:
    """Return the label source.

    Raises
    ------
    InputError
        No class, or too many; where wrong rows may be the cause, the sentence
        about them.
    """
    problem = class_problem(name, encoded, where, config)
    if problem is not None:
        raise encoded.findings[0].error(where) if encoded.findings else problem
    return LabelSource(name, encoded.codes, encoded.names, encoded.several)


def class_problem(name: str, encoded: Encoded, where: str, config: DataConfig) -> InputError | None:
    """Return what is wrong with the number of classes."""
    least = 1 if config.require_labels else 0
    if least <= len(encoded.names) <= config.max_classes:
        return None
    return refusal(
        f"1 to {config.max_classes:,} coarse classes in {quoted(name)}",
        f"{len(encoded.names):,} ({listed(encoded.names[:3])})",
        where=where,
        remedy="choose the column with the coarse labels, see coarse_column",
        code="too_many_classes" if encoded.names else "no_labels",
    )


def id_findings(ids: list[str], config: DataConfig) -> list[Finding]:
    """Return ids that are empty, unclean, or used twice."""
    empty = [row for row, text in enumerate(ids) if not text]
    unclean = [row for row, text in enumerate(ids) if not _clean(text, config)]
    first: dict[str, int] = {}
    again = [row for row, text in enumerate(ids) if text and first.setdefault(text, row) != row]
    other = "or name another column with id_column, or leave it out with ignore_columns"
    return [
        *findings(
            "bad_label", "an id in every row", f"fill them in, {other}", empty, lambda _: "none"
        ),
        *_unclean("id", unclean, ids, config),
        *findings(
            "duplicate_id",
            "every id once",
            f"make the ids unique, {other}",
            again,
            lambda row: f"{quoted(ids[row])} (first used in row {first[ids[row]]})",
        ),
    ]
