"""Columns of AnnData's data frames (obs, obsm), by the on-disk specification 0.1 and 0.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.source import Column

if TYPE_CHECKING:
    from falcon_svc.data.formats.anndata_access import Access

LEGACY_CATEGORIES = "__categories"


def index_name(obs: Any) -> str:
    name = obs.attrs.get("_index", "_index")
    return name.decode() if isinstance(name, bytes) else str(name)


def frame_column(guard: Access, obs: Any, name: str) -> Column:
    found = guard.child(obs, name)
    if not hasattr(found, "shape"):  # a group
        return _coded(guard, found) if "codes" in found else _nullable(guard, found)
    values = guard.read(found)
    if LEGACY_CATEGORIES in obs and name in guard.group(obs, LEGACY_CATEGORIES):
        return _looked_up(values, guard.read(guard.dataset(obs[LEGACY_CATEGORIES], name)))
    return values


def _coded(guard: Access, group: Any) -> Column:
    codes = guard.read(guard.dataset(group, "codes"))
    categories = guard.child(group, "categories")
    words = guard.read(categories) if hasattr(categories, "shape") else _nullable(guard, categories)
    return _looked_up(codes, words)


def _looked_up(codes: Column, words: Column) -> Column:
    """Return the categories of the codes, None for -1."""
    if codes.dtype.kind not in "iu" or codes.ndim != 1 or words.ndim != 1:
        raise ValueError("codes or categories of another type than the specification's")
    if codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < len(words):
        raise ValueError(f"codes outside its {len(words)} categories")
    return np.array([*words.tolist(), None], dtype=object)[codes.astype(np.int64)]


def _nullable(guard: Access, group: Any) -> Column:
    values = guard.read(guard.dataset(group, "values"))
    mask = guard.read(guard.dataset(group, "mask"))
    if mask.shape != values.shape or mask.dtype.kind not in "biu":
        raise ValueError("a mask that does not fit its values")
    found = values.astype(object)
    found[mask.astype(np.bool_)] = None
    return found


def frame_numbers(guard: Access, group: Any) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return a data frame of numbers as (rows, columns), and the columns' names in order."""
    hidden = (index_name(group), LEGACY_CATEGORIES)
    there = [name for name in guard.names(group) if name not in hidden]
    told = [str(name) for name in group.attrs.get("column-order", there)]
    names = told if sorted(told) == sorted(there) else there
    columns = [np.asarray(frame_column(guard, group, name)) for name in names]
    if not columns or any(column.dtype.kind not in "biuf" for column in columns):
        raise ValueError("a data frame without columns, or with others than numbers")
    return np.stack(columns, axis=1), tuple(names)
