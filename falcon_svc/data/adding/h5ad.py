"""Columns of obs added to an `.h5ad`: classes as categories, as AnnData's users colour by them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.adding import Columns, check_free
from falcon_svc.types import IntArray

ARRAY = ("array", "0.2.0")
TEXTS = ("string-array", "0.2.0")
CATEGORIES = ("categorical", "0.2.0")


def write(source: Path, target: Path, rows: IntArray | None, columns: Columns) -> None:
    """Write the copy, by the on-disk specification of anndata 0.8 and later."""
    import h5py

    assert rows is None, "cells are all read"
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        obs = file["obs"]
        check_free(list(obs), columns, source)
        for name, values in columns.items():
            if values.dtype.kind == "i":
                _put_categories(obs, name, values)
            else:
                _put(obs, name, values, ARRAY)
        order = [*_texts(obs.attrs.get("column-order", ())), *columns]
        obs.attrs["column-order"] = np.array(order, dtype=h5py.string_dtype())


def _put_categories(obs: Any, name: str, values: NDArray[np.generic]) -> None:
    import h5py

    categories, codes = np.unique(values, return_inverse=True)
    group = obs.create_group(name)
    _marked(group, CATEGORIES)
    group.attrs["ordered"] = False
    texts = np.array([str(one) for one in categories.tolist()], dtype=h5py.string_dtype())
    _put(group, "categories", texts, TEXTS)
    _put(group, "codes", codes.astype(np.int32), ARRAY)


def _put(group: Any, name: str, values: NDArray[Any], kind: tuple[str, str]) -> None:
    _marked(group.create_dataset(name, data=values), kind)


def _marked(item: Any, kind: tuple[str, str]) -> None:
    item.attrs["encoding-type"], item.attrs["encoding-version"] = kind


def _texts(values: Any) -> list[str]:
    return [one.decode() if isinstance(one, bytes) else str(one) for one in values]
