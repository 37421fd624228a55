"""A pandas DataFrame as a table of Arrow, with what Arrow will not take by itself.

Columns of mixed objects become text, so that the cell that is wrong can be named by row and value;
sparse columns become dense; names that are no text are written as text.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.data.refusal import listed, quoted, refusal

if TYPE_CHECKING:
    import pyarrow as pa

WHERE = "the data in memory"


def frame_table(frame: Any) -> pa.Table:
    """Return a DataFrame as a pyarrow Table; pandas' index goes along where it says something.

    Raises
    ------
    InputError
        Two columns of one name, or a column of a kind that no file has (complex numbers).
    """
    import pyarrow as pa

    _check_names([str(name) for name in frame.columns])
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.rename(columns=str) if frame.columns.nlevels == 1 else _flat(frame)
    sparse = [name for name in frame.columns if hasattr(frame[name], "sparse")]
    if sparse:
        frame = frame.assign(**{name: np.asarray(frame[name]) for name in sparse})
    try:
        return pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError):
        return pa.Table.from_pandas(
            frame.assign(**{name: _plain(frame[name]) for name in frame.columns})
        )


def _flat(frame: Any) -> Any:
    """Return a frame whose columns of several levels are named by one text each."""
    frame = frame.copy(deep=False)
    frame.columns = [str(name) for name in frame.columns]
    return frame


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
        return column.map(str, na_action="ignore")
    return column
