"""Rows far from all others: which they are, and that scales are fitted without them."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.far_rows import far_note, far_rows
from falcon_svc.data.scaling import fit_scaling, scaling_without_far

N, D = 200, 6
LABELS = np.repeat([0, 1, 2, -1], N // 4)
ROWS = [3, 60, 199]


def planted(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, D)) * 5
    return (centres[LABELS] + rng.normal(size=(N, D))).astype(np.float32)


@pytest.mark.parametrize("times", [30, 1e3, 1e6, 1e12, -1e6])
def test_rows_in_other_units_are_far(times: float) -> None:
    x = planted()
    x[ROWS] *= np.float32(times)
    assert far_rows(x, LABELS).tolist() == ROWS


@pytest.mark.parametrize("value", [1e6, -999999.0])
def test_rows_of_one_huge_value_are_far_though_they_are_alike(value: float) -> None:
    x = planted()
    x[10:18] = value
    assert far_rows(x, LABELS).tolist() == list(range(10, 18))


def test_nothing_is_far_in_plain_data_nor_in_a_small_class_apart() -> None:
    x = planted()
    assert not len(far_rows(x, LABELS))
    x[10:18] += 100  # eight samples together, as a rare class is
    assert not len(far_rows(x, LABELS))
    x = planted() + 500 * np.eye(D, dtype=np.float32)[LABELS % D]  # classes far from each other
    assert not len(far_rows(x, LABELS))


def clustered(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return six tight classes in three coarse ones, and the coarse labels."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(6), 40)
    means = rng.normal(size=(6, 16)) * 3
    return (means[fine] + 0.5 * rng.normal(size=(len(fine), 16))).astype(np.float32), fine // 2


@pytest.mark.parametrize("times", [4, 6, 7.5])
def test_rows_behind_a_gap_are_far_though_not_many_times_as_far_as_usual(times: float) -> None:
    x, labels = clustered()
    middle = np.median(x, axis=0)
    usual = np.median(np.linalg.norm(x - middle, axis=1))
    rows = [5, 130, 222]
    away = x[rows] - middle
    x[rows] = middle + times * usual * away / np.linalg.norm(away, axis=1, keepdims=True)
    assert far_rows(x, labels).tolist() == rows


def test_three_samples_of_a_rare_class_are_not_far() -> None:
    x, labels = clustered()
    x[[5, 6, 7]] += 12  # together, and as far as those that count alone
    assert not len(far_rows(x, labels))
    x[6] -= 24
    assert far_rows(x, labels).tolist() == [5, 6, 7]  # a pair is no class


@pytest.mark.parametrize("freedom", [3, 5, 30])
def test_a_tail_without_a_gap_is_not_far(freedom: int) -> None:
    for seed in range(5):
        x = np.random.default_rng(seed).standard_t(freedom, size=(900, 8)).astype(np.float32)
        assert len(far_rows(x, np.repeat([0, 1, 2], 300))) <= (freedom == 3)


def test_one_cell_is_enough_and_a_heavy_tail_is_too_much() -> None:
    x = planted()
    x[7, 2] = 1e7
    assert far_rows(x, LABELS).tolist() == [7]
    x = planted()
    x[::10] *= 1e5  # a tenth of the rows is what the data are like
    assert not len(far_rows(x, LABELS))
    assert not len(far_rows(np.zeros((N, D), np.float32), LABELS))


def test_of_a_class_of_two_the_odd_one_is_far() -> None:
    x, labels = planted(), LABELS.copy()
    labels[:2] = 3
    x[1] *= 1e6
    assert far_rows(x, labels).tolist() == [1]


def test_which_rows_are_far_does_not_hang_on_order_or_offset() -> None:
    x = planted()
    x[ROWS] *= 1e4
    order = np.random.default_rng(1).permutation(N)
    found = far_rows(x[order] + np.float32(50), LABELS[order])
    assert sorted(order[found].tolist()) == ROWS


def test_scales_are_those_without_the_far_rows() -> None:
    x = planted() * np.logspace(-3, 3, D).astype(np.float32)
    x[5] *= 1e6
    x[9, 0] = 1e4  # far in its own column only
    near = np.delete(x, [5, 9], axis=0)
    found = scaling_without_far(x, ColumnFigures.of(x), LABELS, "standard")
    assert found is not None
    np.testing.assert_array_equal(found.scale, ColumnFigures.of(near).deviation)
    np.testing.assert_array_equal(found.centre, ColumnFigures.of(near).mean)


def test_scales_of_plain_data_are_the_same_bits() -> None:
    x = planted()
    figures = ColumnFigures.of(x)
    for kind in ("none", "standard", "robust"):
        plain = fit_scaling(x, figures, kind)
        found = scaling_without_far(x, figures, LABELS, kind)
        assert (plain is None) == (found is None)
        if plain is not None and found is not None:
            np.testing.assert_array_equal(found.scale, plain.scale)


def test_the_note_names_the_samples() -> None:
    ids = [f"s{k}" for k in range(N)]
    assert far_note(np.arange(0), ids) == ()
    (note,) = far_note(np.arange(7), ids)
    assert "7 samples" in note.text and "'s0'" in note.text and "and 2 more" in note.text
    (note,) = far_note(np.array([4]), ids)
    assert note.text.startswith("1 sample lies")
