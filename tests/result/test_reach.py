"""How far new samples lie from all classes: by hand, by its invariants, by chance."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.result.reach import UNLIKE, Reach

RNG = np.random.default_rng(0)


def test_a_hand_case():
    x = np.array([[-1, 0], [1, 0], [9, 0], [11, 0]], np.float32)
    reach = Reach.of(x, np.array([0, 0, 3, 3]))
    np.testing.assert_allclose(reach.centres, [[0, 0], [10, 0]])
    np.testing.assert_allclose(reach.radii, np.sqrt(3), rtol=1e-6)  # 1 * sqrt((2 + 1) / (2 - 1))
    far = reach.distance(np.array([[0, 3], [10, np.sqrt(3)], [5, 0]], np.float32))
    np.testing.assert_allclose(far, [np.sqrt(3), 1, 5 / np.sqrt(3)], rtol=1e-5)


@pytest.mark.parametrize("dims", [2, 50, 400])
@pytest.mark.parametrize("n", [5, 40])
def test_new_samples_of_the_same_classes_are_within_reach_and_others_are_not(dims, n):
    centres = 10 * RNG.normal(size=(4, dims))
    fine = np.repeat(np.arange(4), n)
    reach = Reach.of((centres[fine] + RNG.normal(size=(4 * n, dims))).astype("f4"), fine)
    new = (centres[RNG.integers(0, 4, 2000)] + RNG.normal(size=(2000, dims))).astype("f4")
    assert (reach.distance(new) <= UNLIKE).mean() > 0.98
    assert (reach.distance(1e6 * new) > UNLIKE).all()


def test_nothing_changes_when_all_is_moved_and_stretched():
    x = RNG.normal(size=(30, 3)).astype("f4")
    fine = np.arange(30) % 3
    new = RNG.normal(size=(5, 3)).astype("f4")
    one = Reach.of(x, fine).distance(new)
    other = Reach.of(x * 7 + 500, fine).distance(new * 7 + 500)
    np.testing.assert_allclose(one, other, rtol=1e-3)


def test_classes_without_spread_take_the_radius_of_the_others():
    x = np.array([[0, 0], [2, 0], [50, 0], [90, 0], [90, 0]], np.float32)
    reach = Reach.of(x, np.array([0, 0, 1, 2, 2]))
    assert (reach.radii == reach.radii[0]).all()
    assert Reach.of(np.ones((3, 2), np.float32), np.zeros(3, int)).radii.tolist() == [1.0]


def test_it_is_kept_whole():
    reach = Reach.of(RNG.normal(size=(9, 2)).astype("f4"), np.arange(9) % 3)
    again = Reach.stored(reach.tensors())
    assert np.array_equal(again.radii, reach.radii)
    assert Reach.stored({}) is None
