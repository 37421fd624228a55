"""Labels and ids: from a column of any plain type to codes, names and what is wrong.

Not labelled: -1, an empty string, NaN or null. Float labels count when they are whole numbers.
Names are sorted, numerically when all of them are whole numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import Finding, findings, listed, quoted, refusal
from falcon_svc.data.source import Column
from falcon_svc.errors import InputError
from falcon_svc.types import UNLABELLED, IntArray, LabelSource

UNCLEAN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MISSING = {"", "-1"}
WHOLE = re.compile(r"-?[0-9]{1,18}")
LABEL_REMEDY = "give each row a short label, or -1 or an empty string for none"


@dataclass(frozen=True)
class Encoded:
    """(N,) codes with -1 for missing, the names they stand for, and rows that are wrong."""

    codes: IntArray
    names: tuple[str, ...]
    findings: list[Finding]


def encode(
    values: Column, names: tuple[str, ...] | None, *, what: str, where: str, config: DataConfig
) -> Encoded:
    """Encode one column; `names` says what integers stand for, None = their digits.

    Raises
    ------
    InputError
        A type that cannot be a label.
    """
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
    """Return the values as strings; None becomes "", bytes must be UTF-8."""
    if values.dtype.kind not in "OUSiuf":
        raise refusal(
            f"strings or numbers in column {quoted(what)}",
            f"the type {values.dtype.name}",
            where=where,
            remedy="convert the column to str",
            code="bad_dtype",
        )
    if values.dtype.kind != "S":
        return ["" if value is None else str(value) for value in values.tolist()]
    try:
        return [value.decode() for value in values.tolist()]
    except UnicodeDecodeError as error:
        raise refusal(
            f"UTF-8 in column {quoted(what)}",
            "other bytes",
            where=where,
            remedy="save the column as Unicode strings",
            code="bad_label",
        ) from error


def _encode_strings(texts: list[str], what: str, config: DataConfig) -> Encoded:
    distinct = set(texts) - MISSING
    unclean = {text for text in distinct if not _clean(text, config)}
    names = tuple(_in_order(distinct - unclean))
    code = {name: i for i, name in enumerate(names)}
    codes = np.fromiter((code.get(t, UNLABELLED) for t in texts), np.int64, len(texts))
    wrong = [row for row, text in enumerate(texts) if text in unclean] if unclean else []
    return Encoded(codes, names, _unclean(what, wrong, texts, config))


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
    if names is None:
        kept, limit = np.unique(present[present >= 0]), None
        names = tuple(str(value) for value in kept)
        codes = np.searchsorted(kept, whole)
    else:
        codes, limit = whole.copy(), len(names)
    wrong |= whole < UNLABELLED
    if limit is not None:
        wrong |= whole >= limit
    codes[wrong | (whole == UNLABELLED)] = UNLABELLED
    top = "" if limit is None else f" to {limit - 1}"
    problems = findings(
        "bad_label",
        f"whole numbers from 0{top} (-1 = not labelled) in {what}",
        LABEL_REMEDY,
        np.flatnonzero(wrong).tolist(),
        lambda row: quoted(values[row]),
    )
    return Encoded(codes.astype(np.int64), names, problems)


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
        Fewer than two classes, too many, or a class without samples; where wrong rows may be
        the cause, the sentence about them.
    """
    problem = _class_problem(name, encoded, where, config)
    if problem is not None:
        raise encoded.findings[0].error(where) if encoded.findings else problem
    return LabelSource(name, encoded.codes, encoded.names)


def _class_problem(
    name: str, encoded: Encoded, where: str, config: DataConfig
) -> InputError | None:
    counts = np.bincount(encoded.codes[encoded.codes >= 0], minlength=len(encoded.names))
    empty = [n for n, count in zip(encoded.names, counts, strict=True) if not count]
    if empty:
        return refusal(
            f"at least one sample in every class of {quoted(name)}",
            f"none in {listed(empty)}",
            where=where,
            remedy="remove these classes or add their samples",
            code="empty_class",
        )
    if not 2 <= len(encoded.names) <= config.max_classes:
        return refusal(
            f"2 to {config.max_classes:,} coarse classes in {quoted(name)}",
            f"{len(encoded.names):,} ({listed(encoded.names[:3])})",
            where=where,
            remedy="choose the column with the coarse labels, see coarse_column",
            code="one_class" if len(encoded.names) < 2 else "too_many_classes",
        )
    return None


def id_findings(ids: list[str], config: DataConfig) -> list[Finding]:
    """Return ids that are empty, unclean, or used twice."""
    unclean = [row for row, text in enumerate(ids) if not text or not _clean(text, config)]
    first: dict[str, int] = {}
    again = [row for row, text in enumerate(ids) if first.setdefault(text, row) != row]
    return _unclean("id", unclean, ids, config) + findings(
        "duplicate_id",
        "every id once",
        "make the ids unique, or leave the column out",
        again,
        lambda row: f"{quoted(ids[row])} (first used in row {first[ids[row]]})",
    )
