"""A pandas DataFrame as a table of Arrow, with what Arrow will not take by itself.

Columns of mixed objects become text, so that the cell that is wrong can be named by row and value;
sparse columns become dense, intervals and sets text; names that are no text are written as text,
those in levels with ``/`` between, so that ``("pca", 0)`` is ``pca/0`` and ``("coarse", "")`` is
``coarse``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.types import SEVERAL

if TYPE_CHECKING:
    import pyarrow as pa

WHERE = "the data in memory"
LEVEL_WITHOUT_NAME = re.compile(r"Unnamed: \d+_level_\d+")


def frame_table(frame: Any) -> pa.Table:
    """Return a DataFrame as a pyarrow Table; pandas' index goes along where it says something.

    Raises
    ------
    InputError
        Two columns of one name, or a column of a kind that no file has (complex numbers).
    """
    import pyarrow as pa

    names = [_name(name) for name in frame.columns]
    _check_names(names)
    frame = frame.set_axis(names, axis="columns")
    frame = frame.assign(**{name: _told(frame[name]) for name in names if _is_odd(frame[name])})
    try:
        return pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError):
        return pa.Table.from_pandas(
            frame.assign(**{name: _plain(frame[name]) for name in frame.columns})
        )


def check_order(frame: Any, labels: Mapping[str, Any]) -> None:
    """Raise InputError for labels whose index is that of the frame in another order."""
    for name, values in labels.items():
        if not (hasattr(frame, "iloc") and hasattr(values, "iloc")):
            continue
        ours, theirs = frame.index, values.index
        if (
            len(ours) == len(theirs)
            and not ours.equals(theirs)
            and not len(ours.difference(theirs))
        ):
            raise refusal(
                f"labels {quoted(name)} in the order of the data",
                "the same index in another order",
                where=WHERE,
                remedy="pass labels.loc[data.index], or labels.to_numpy() if their order is right",
                code="bad_label",
            )


def _name(name: Any) -> str:
    """Return a column's name as text; of several levels those that say something."""
    if not isinstance(name, tuple):
        return str(name)
    parts = [str(part) for part in name if str(part) not in ("", "nan", "None")]
    return "/".join(part for part in parts if not LEVEL_WITHOUT_NAME.fullmatch(part))


def _is_odd(column: Any) -> bool:
    """Return whether Arrow takes a column for something else than it is."""
    kind = getattr(column.dtype, "categories", column).dtype
    return hasattr(column, "sparse") or str(kind).startswith("interval") or _holds_sets(column)


def _told(column: Any) -> Any:
    """Return a sparse column dense, and another odd one as text."""
    if hasattr(column, "sparse"):
        return np.asarray(column)
    return column.astype(object).map(_set_text, na_action="ignore")


def _set_text(value: Any) -> str:
    """Return a set of labels as ``land|sea``, anything else as it is written."""
    is_labels = isinstance(value, set | frozenset) and all(isinstance(v, str) for v in value)
    return SEVERAL.join(sorted(value)) if is_labels else str(value)


def _holds_sets(column: Any) -> bool:
    first = column.first_valid_index() if column.dtype == object else None
    return first is not None and isinstance(column.dropna().iloc[0], set | frozenset)


def _check_names(names: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise refusal(
            "a different name for every column",
            f"{listed(repeated)} more than once",
            where=WHERE,
            remedy="rename these columns",
            code="duplicate_column",
        )


def _plain(column: Any) -> Any:
    """Return a column as it is if Arrow takes it, else as text."""
    import pyarrow as pa

    try:
        pa.Array.from_pandas(column)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if column.dtype != object:
            raise refusal(
                f"numbers, texts, categories or lists in column {quoted(column.name)}",
                f"the type {column.dtype}",
                where=WHERE,
                remedy="convert the column",
                code="bad_dtype",
            ) from error
        if column.dropna().map(lambda value: isinstance(value, Real)).all():
            return column.astype(float)
        return column.map(str, na_action="ignore")
    return column
