"""Columns of obs added to an `.h5ad`: classes as categories, as AnnData's users colour by them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.adding import Columns, Value, by_row, check_free
from falcon_svc.types import BoolArray

ARRAY = ("array", "0.2.0")
TEXTS = ("string-array", "0.2.0")
CATEGORIES = ("categorical", "0.2.0")


def write(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write the copy, by the on-disk specification of anndata 0.8 and later."""
    import h5py

    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        obs = file["obs"]
        check_free(list(obs), columns, source)
        for name, values in columns.items():
            put = _put_numbers if values.dtype.kind == "f" else _put_categories
            put(obs, name, by_row(values, kept))
        order = [*_texts(obs.attrs.get("column-order", ())), *columns]
        obs.attrs["column-order"] = np.array(order, dtype=h5py.string_dtype())


def _put_categories(obs: Any, name: str, values: list[Value]) -> None:
    import h5py

    there = np.array([value is not None for value in values], np.bool_)
    known = np.array([value for value in values if value is not None])
    categories, codes = np.unique(known, return_inverse=True)
    every = np.full(len(values), -1, np.int32)
    every[there] = codes
    group = obs.create_group(name)
    _marked(group, CATEGORIES)
    group.attrs["ordered"] = False
    texts = np.array([str(one) for one in categories.tolist()], dtype=h5py.string_dtype())
    _put(group, "categories", texts, TEXTS)
    _put(group, "codes", every, ARRAY)


def _put_numbers(obs: Any, name: str, values: list[Value]) -> None:
    _put(obs, name, np.array(values, np.float32), ARRAY)  # None becomes NaN


def _put(group: Any, name: str, values: NDArray[Any], kind: tuple[str, str]) -> None:
    _marked(group.create_dataset(name, data=values), kind)


def _marked(item: Any, kind: tuple[str, str]) -> None:
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind


def _texts(values: Any) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one) for one in values]
