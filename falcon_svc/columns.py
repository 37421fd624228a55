"""Columns of new samples, matched by name to those that a model was made with.

Place: reading does this for files, the predictor for arrays whose caller names the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError
from falcon_svc.types import IntArray, Note

SHOWN = 5
NAMED = ("columns", "column_names", "obs")
"""What a DataFrame, a table or data set, and an AnnData have, and an array has not."""


def places_of(wanted: Sequence[str], there: Sequence[str]) -> IntArray:
    """Return where each of `wanted` is in `there`, the first of equal names; -1 where nowhere."""
    place = {name: column for column, name in reversed(list(enumerate(there)))}
    return np.array([place.get(name, -1) for name in wanted], np.int64)


def matched(wanted: Sequence[str], there: Sequence[str], *, where: str) -> IntArray:
    """Return where each of `wanted` is in `there`.

    Raises
    ------
    InputError
        One of them is nowhere; the sentence names it.
    """
    places = places_of(wanted, there)
    missing = [name for name, place in zip(wanted, places.tolist(), strict=True) if place < 0]
    if missing:
        raise InputError(
            f"Expected the {len(wanted):,} features that the model was made with, found all but "
            f"{few(missing)} in {where}; add these columns.",
            code="missing_features",
        )
    return places


def further(wanted: Sequence[str], there: Sequence[str]) -> tuple[Note, ...]:
    """Return the note on columns that the model does not know."""
    known = set(wanted)
    others = [name for name in there if name not in known]
    if not others:
        return ()
    text = f"{len(others):,} further columns of numbers are left out ({few(others)}): the model "
    return (Note("further_columns", text + "was made without them."),)


def by_number(there: Sequence[str]) -> tuple[Note, ...]:
    """Return the note on names that a model made without names cannot check."""
    text = f"The model knows its features by number only: the columns {few(there)} are taken in "
    return (Note("columns_by_number", text + "the order in which they stand."),)


def few(names: Sequence[str]) -> str:
    """Return at most five names in quotes, and how many more there are."""
    shown = ", ".join(repr(name[:60]) for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")


def unmasked(values: Any) -> Any:
    """Return what a masked array hides as missing: NaN among numbers, else None; others as is.

    Elsewhere the mask would be dropped in silence, and what it hides taken for data.
    """
    if not isinstance(values, np.ma.MaskedArray):
        return values
    if values.dtype.kind in "biuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    shown = values.data.astype(object)
    shown[np.ma.getmaskarray(values)] = None
    return shown


def plain_rows(vectors: Any) -> NDArray[Any]:
    """Return rows of numbers as an array: sparse ones dense, masked ones as missing.

    Raises
    ------
    InputError
        A table that names its columns: their order here need not be the model's.
    """
    if any(hasattr(vectors, name) for name in NAMED):
        raise InputError(
            f"Expected an array of numbers in the order of the discovery's features, found a "
            f"{type(vectors).__name__}, whose columns have names; give it to "
            "falcon_svc.predict(result, data), which takes them by name."
        )
    return np.asarray(unmasked(vectors.toarray() if hasattr(vectors, "toarray") else vectors))
