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
    data = load_dataset(levels, DataConfig(coarse_column="y/coarse"))
    assert data.reading.features == ("x/a", "x/b", "x/c")
    levels.columns = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "c"), ("coarse", "")])
    assert load_dataset(levels).reading.features == ("1/a", "1/b", "2/c")


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


def test_labels_in_another_order_than_the_data_are_refused() -> None:
    data = frame()[["a", "b", "c"]]
    labels = pd.Series(LABELS)
    assert "in another order" in said(data, labels={"coarse": labels[::-1]})
    assert load_dataset(data, labels={"coarse": labels}).coarse.names == ("bird", "fish")
    other = labels.set_axis([f"r{k}" for k in range(N)])
    assert load_dataset(data, labels={"coarse": other}).coarse.labels[1] == 1
    assert load_dataset(data, labels={"coarse": labels.to_frame()}).coarse.labels[1] == 1


NUMBERS = (1.5 + np.arange(N)) % 5


@pytest.mark.parametrize("kind", ["Float64", "Float32", "Int64", "boolean", "float64[pyarrow]"])
def test_nullable_numbers_are_numbers_and_a_hole_is_named(kind: str) -> None:
    values = pd.Series(np.arange(N) % 2).astype(kind)
    assert np.allclose(load_dataset(frame(b=values)).vectors[:, 1], np.arange(N) % 2)
    values[3] = pd.NA
    assert "an empty cell (column 'b') in row 3 " in said(frame(b=values))


@pytest.mark.parametrize("kind", ["string", "string[pyarrow]", "Int64", "boolean", "category"])
def test_nullable_labels_may_be_missing(kind: str) -> None:
    values = pd.Series([0, 1] * (N // 2)).astype("boolean" if kind == "boolean" else "Int64")
    values = values.astype(kind)
    values[0] = pd.NA
    data = load_dataset(frame().assign(coarse=values))
    assert data.coarse.labels[0] == -1 and len(data.coarse.names) == 2


@pytest.mark.parametrize(
    "more",
    [
        pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N), "h")),
        pd.Series(pd.to_timedelta(np.arange(N), "h")),
        pd.Series(pd.period_range("2024-01", periods=N, freq="D")),
        pd.cut(pd.Series(X[:, 0]), 3),
        pd.Series([{1, 2}] * N),
        pd.Series([f"{k}" for k in range(N)], dtype="category"),
    ],
    ids=["times", "durations", "periods", "intervals", "sets", "counts as text"],
)
def test_columns_that_are_no_numbers_are_left_out_and_listed(more: object) -> None:
    data = load_dataset(frame(more=more))
    assert data.reading.features == ("a", "b", "c")
    assert [name for name, _ in data.reading.left_out] == ["more"]


def test_intervals_and_sets_are_labels() -> None:
    cut = pd.cut(pd.Series(np.arange(N)), 2)
    assert load_dataset(frame().assign(coarse=cut)).coarse.names[1].startswith("(")
    sets = pd.Series([{"bird"}, {"fish"}] * (N // 2))
    assert load_dataset(frame().assign(coarse=sets)).coarse.names == ("bird", "fish")


def test_fractions_are_numbers() -> None:
    from fractions import Fraction

    data = load_dataset(frame(b=[Fraction(float(v)) for v in X[:, 1]]))
    assert np.allclose(data.vectors, X)


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_arrays([np.arange(N) // 3, np.arange(N) % 3], names=["p", "k"]),
        pd.MultiIndex.from_arrays([[f"p{k // 3}" for k in range(N)], np.arange(N) % 3]),
        [*range(6), *range(6)],  # as pandas.concat leaves it
        [f"s{k % 5}" for k in range(N)],
        pd.Index(np.arange(N), name="a"),
    ],
    ids=["levels", "levels without names", "twice", "words twice", "named as a column"],
)
def test_an_index_that_repeats_is_no_id_and_no_feature(index: object) -> None:
    data = load_dataset(frame().set_axis(index, axis=0))
    assert data.reading.features == ("a", "b", "c") and np.allclose(data.vectors, X)
    assert data.ids == tuple(map(str, range(N)))


def test_coarse_labels_may_be_a_level_of_the_index() -> None:
    levels = frame().set_index([pd.Index(np.arange(N)), "coarse"])
    assert load_dataset(levels).coarse.names == ("bird", "fish")


def test_a_row_without_vector_is_named() -> None:
    for row in (0, 4):
        cells = [None if k == row else list(x) for k, x in enumerate(X)]
        told = said(pd.DataFrame({"emb": cells, "coarse": LABELS}))
        assert f"found none in row {row} " in told
