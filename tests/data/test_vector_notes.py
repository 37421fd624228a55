"""Notes on vectors, figures of columns, and scaling: oracles, invariants, hand cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import RobustScaler, StandardScaler

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset, load_new_samples
from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.scaling import fit_scaling
from tests.data.builders import refused

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=(N, 4)).astype(np.float32)
COARSE = np.repeat(["bird", "fish", "cat"], N // 3)


def write(folder: Path, x: np.ndarray, coarse: np.ndarray = COARSE) -> Path:
    path = folder / "data.npz"
    np.savez(path, x=x, coarse=coarse)
    return path


def codes(folder: Path, x: np.ndarray, **settings: object) -> list[str]:
    data = load_dataset(write(folder, x), DataConfig(**settings))
    return [note.code for note in data.reading.notes]


def test_plain_vectors_have_no_notes(tmp_path: Path) -> None:
    assert codes(tmp_path, X) == []
    assert codes(tmp_path, X * [1, 50, 1, 1]) == []
    whole = np.concatenate([X, RNG.integers(0, 9, (N, 3)), RNG.random((N, 2)) < 0.5], axis=1)
    assert codes(tmp_path, whole) == []


def test_very_different_scales_are_told_unless_they_are_mended(tmp_path: Path) -> None:
    x = X * [1, 1, 150, 1]
    assert codes(tmp_path, x) == ["scales"]
    assert "column 2 varies" in load_dataset(write(tmp_path, x)).reading.notes[0].text
    assert codes(tmp_path, x, scale="standard") == []
    assert codes(tmp_path, X * [1, 0, 1, 1]) == []


@pytest.mark.parametrize("value", [-999, -9999, 9999, 99999, -99, -32768])
@pytest.mark.parametrize("count", [1, 5])
def test_codes_for_missing_values_are_told(tmp_path: Path, value: float, count: int) -> None:
    x = X.copy()
    x[7 : 7 + count, 1] = value
    assert "sentinels" in codes(tmp_path, x, scale="standard")


def test_minus_one_among_ages_is_told(tmp_path: Path) -> None:
    ages = RNG.integers(20, 80, (N, 1))
    holes = np.concatenate([X, np.where(ages < 25, -1, ages)], axis=1)
    assert "sentinels" in codes(tmp_path, holes)
    ratings = RNG.integers(-1, 2, (N, 1))
    signs = RNG.choice([-1, 1], (N, 1))
    assert codes(tmp_path, np.concatenate([X, ratings, signs], axis=1)) == []


def test_extreme_values_among_others_are_no_sentinels(tmp_path: Path) -> None:
    x = X.copy()
    x[:, 1] = np.linspace(-999, 999, N)
    assert codes(tmp_path, x, scale="standard") == []


def test_rows_far_longer_than_the_median_are_told_and_listed(tmp_path: Path) -> None:
    x = X.copy()
    x[5] *= 1e6
    x[9] = 0
    path = write(tmp_path, x)
    found = inspect_dataset(path)
    assert [note.code for note in found.notes] == ["long_rows"]
    assert [(p.row, p.code) for p in found.problems] == [(9, "zero_vector"), (5, "long_vector")]


def test_whole_numbers_that_nest_in_coarse_classes_are_told(tmp_path: Path) -> None:
    coarse = np.repeat([0, 1, 2], N // 3)
    truth = 3 * coarse + RNG.integers(0, 3, N)
    assert codes(tmp_path, np.column_stack([X, truth])) == ["nested_numbers"]
    assert codes(tmp_path, np.column_stack([X, coarse])) == ["nested_numbers"]
    nearly = truth.copy()
    nearly[0] = 8
    assert codes(tmp_path, np.column_stack([X, nearly])) == ["nested_numbers"]
    assert codes(tmp_path, np.column_stack([X, truth % 3])) == []
    assert codes(tmp_path, np.column_stack([X, 0.37 * truth + 1.5])) == ["nested_numbers"]
    one_hot = np.eye(9)[truth]
    assert codes(tmp_path, np.column_stack([X, one_hot])) == ["nested_numbers"]
    assert codes(tmp_path, np.column_stack([X, one_hot[:, RNG.permutation(9)][:, :8]])) == []
    assert codes(tmp_path, np.column_stack([X, np.eye(3)[truth % 3]])) == []
    assert codes(tmp_path, np.column_stack([X, RNG.random((N, 9)) < 0.1])) == []
    unique = np.argsort(RNG.random(N)) * 2.0  # each value once: nests by chance
    assert codes(tmp_path, np.column_stack([X, unique]), scale="standard") == ["like_ids"]


def test_whole_numbers_that_are_like_ids_are_told(tmp_path: Path) -> None:
    part = np.sort(RNG.choice(300, N, replace=False))  # an index that rows were taken from
    shuffled = RNG.permutation(part)
    rising = np.cumsum(RNG.integers(1, 1000, N))
    for column in (part, shuffled, rising):
        x = np.column_stack([X, column])
        assert codes(tmp_path, x, scale="standard") == ["like_ids"]
    incomes = RNG.choice(10**6, N, replace=False)
    ages = RNG.integers(0, 99, N)
    assert codes(tmp_path, np.column_stack([X, incomes, ages]), scale="standard") == []


def test_figures_of_columns_are_those_of_numpy() -> None:
    x = (RNG.normal(size=(1000, 5)) * 3 + [0, 1e4, 2000, -7, 0]).astype(np.float32)
    x[:, 4] = RNG.integers(0, 5, 1000)
    found = ColumnFigures.of(x)
    wide = x.astype(np.float64)
    assert np.allclose(found.mean, wide.mean(axis=0))
    assert np.allclose(found.deviation, wide.std(axis=0))
    assert (found.low.tolist(), found.high.tolist()) == (
        x.min(axis=0).tolist(),
        x.max(axis=0).tolist(),
    )
    assert found.whole.tolist() == [False, False, False, False, True]
    assert np.allclose(found.length, np.linalg.norm(wide, axis=1))


def test_figures_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ColumnFigures.of(X)
    monkeypatch.setattr("falcon_svc.data.column_figures.BLOCK_BYTES", 8 * 4 * 7)
    parts = ColumnFigures.of(X)
    for name in ("mean", "deviation", "low", "high", "length"):
        assert np.allclose(getattr(whole, name), getattr(parts, name))


ORACLES = {"standard": StandardScaler, "robust": RobustScaler}


@pytest.mark.parametrize("kind", ORACLES)
def test_scaling_is_that_of_scikit_learn(kind: str) -> None:
    x = (X * [1, 100, 0.01, 7] + [5, 0, 3, -2]).astype(np.float32)
    found = fit_scaling(x, ColumnFigures.of(x), kind)
    assert found is not None
    want = ORACLES[kind]().fit_transform(x.astype(np.float64))
    assert np.allclose(found.apply(x), want, atol=1e-4)


@pytest.mark.parametrize("kind", ORACLES)
def test_scaling_makes_units_irrelevant_and_keeps_constant_columns_at_zero(kind: str) -> None:
    x = X.copy()
    x[:, 3] = 5
    other = (x * [1000, 0.1, 3, 1] + [1, 2, 3, 0]).astype(np.float32)
    one, two = (fit_scaling(v, ColumnFigures.of(v), kind).apply(v) for v in (x, other))
    assert np.allclose(one, two, atol=1e-3)
    assert not one[:, 3].any()


def test_a_robust_scale_of_a_mostly_constant_column_is_its_deviation() -> None:
    x = np.zeros((100, 1), np.float32)
    x[:10] = 5
    found = fit_scaling(x, ColumnFigures.of(x), "robust")
    assert found.centre.tolist() == [0]
    assert found.scale.tolist() == pytest.approx([x.std()])


def test_scaled_vectors_are_those_that_are_worked_on(tmp_path: Path) -> None:
    x = X * np.array([1, 1000, 1, 1], np.float32)
    plain = load_dataset(write(tmp_path, x))
    scaled = load_dataset(write(tmp_path, x), DataConfig(scale="standard"))
    assert np.allclose(scaled.vectors.std(axis=0), 1, atol=1e-5)
    assert np.array_equal(plain.vectors, x)
    assert plain.digest != scaled.digest
    assert (plain.reading.scaling, scaled.reading.scaling.kind) == (None, "standard")


def test_new_samples_are_scaled_as_before_and_their_columns_matched_by_name(tmp_path: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame(X * [1, 1000, 1, 1], columns=list("abcd")).assign(coarse=COARSE)
    frame.to_csv(tmp_path / "old.csv", index=False)
    old = load_dataset(tmp_path / "old.csv", DataConfig(scale="robust"))
    new = frame[40:90][["coarse", "d", "b", "a", "c"]].assign(further=1.5)
    new.to_csv(tmp_path / "new.csv", index=False)
    read = load_new_samples(tmp_path / "new.csv", DataConfig(scale="robust"), old.reading)
    assert np.allclose(read.vectors, old.vectors[40:90], atol=1e-5)
    assert read.reading.features == ("a", "b", "c", "d")
    assert read.reading.scaling is old.reading.scaling
    new.drop(columns="b").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(Exception, match="'b'"):
        load_new_samples(tmp_path / "less.csv", None, old.reading)


def test_vectors_of_another_width_are_not_scaled_as_before(tmp_path: Path) -> None:
    old = load_dataset(write(tmp_path, X), DataConfig(scale="standard"))
    write(tmp_path, X[:, :3])
    with pytest.raises(Exception, match="vectors of 4 numbers"):
        load_new_samples(tmp_path / "data.npz", None, old.reading)
    refused(write(tmp_path, X[:1], COARSE[:1]), "no_data")
