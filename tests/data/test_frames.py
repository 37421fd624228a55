"""Data in memory as people hold them: mixed columns, masks, sparse frames, names in levels."""

from __future__ import annotations

import numpy as np
import pytest

import falcon_svc
from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.errors import InputError

pd = pytest.importorskip("pandas")
N = 12
X = np.random.default_rng(0).normal(size=(N, 3)).round(3)
LABELS = ["bird", "fish"] * (N // 2)


def frame(**more: object) -> pd.DataFrame:
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(coarse=LABELS, **more)


def said(data: object, **given: object) -> str:
    with pytest.raises(InputError) as caught:
        load_dataset(data, **given)
    return str(caught.value)


def test_a_bad_cell_of_a_mixed_column_is_named() -> None:
    mixed = frame(b=[*X[:3, 1], "n/d", *X[4:, 1]])
    assert "'n/d' (column 'b') in row 3 " in said(mixed)
    kept = load_dataset(mixed, DataConfig(ignore_columns=("b",)))
    assert kept.reading.features == ("a", "c")


def test_columns_of_kinds_that_no_file_has() -> None:
    assert "'a' more than once" in said(pd.concat([frame(), frame()[["a"]]], axis=1))
    assert "the type complex128" in said(frame(b=X[:, 1].astype(complex)))
    sparse = frame(b=pd.arrays.SparseArray(X[:, 1]))
    assert np.allclose(load_dataset(sparse).vectors, X)


def test_names_in_levels_are_names() -> None:
    levels = frame()
    names = [("x", "a"), ("x", "b"), ("x", "c"), ("y", "coarse")]
    levels.columns = pd.MultiIndex.from_tuples(names)
    data = load_dataset(levels, DataConfig(coarse_column="('y', 'coarse')"))
    assert data.reading.features[0] == "('x', 'a')" and len(data.reading.features) == 3


def test_what_a_mask_hides_is_missing() -> None:
    hidden = np.ma.masked_greater(X, 1.0)
    row = int(np.flatnonzero(hidden.mask.any(axis=1))[0])
    assert f"in row {row} " in said(hidden, labels={"coarse": LABELS})
    labels = np.ma.array(LABELS, mask=[True, *[False] * (N - 1)])
    data = load_dataset(X, labels={"coarse": labels})
    assert data.coarse.labels[0] == -1 and data.coarse.names == ("bird", "fish")


def test_models_take_no_masked_numbers_for_data() -> None:
    x = np.repeat(np.eye(4) * 5, 10, axis=0) + np.random.default_rng(0).normal(size=(40, 4))
    result = falcon_svc.discover(x, ["a"] * 20 + ["b"] * 20, n_fine=4, epochs=1)
    with pytest.raises(InputError, match="row 0"):
        result.predict(np.ma.array(x[:3], mask=np.eye(3, 4, dtype=bool)))
