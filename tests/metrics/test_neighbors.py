"""Purity of neighborhoods: a hand case, laws, and scikit-learn's neighbors as an oracle."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from falcon_svc.metrics import neighbor_purity_score


def random_case(seed, n=60):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 6, n), rng.integers(0, 2, n), rng.normal(size=(n, 5))


def test_a_case_by_hand():
    angle = np.radians([0, 1, 3, 90, 91, 0])
    features = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    coarse = np.array([0, 0, 0, 0, 0, 1])
    fine = np.array([0, 0, 1, 2, 2, 3])
    # The nearest other of the same coarse class is 1, 0, 1, 4, 3; the last sample has none.
    assert neighbor_purity_score(fine, coarse, features, n_neighbors=1) == pytest.approx(4 / 5)
    assert neighbor_purity_score(fine, coarse, features, n_neighbors=4) == pytest.approx(1 / 5)


@pytest.mark.parametrize("seed", range(4))
def test_scikit_learns_neighbors_say_the_same(seed):
    fine, coarse, features = random_case(seed)
    shares = []
    for label in (0, 1):
        rows = np.flatnonzero(coarse == label)
        search = NearestNeighbors(n_neighbors=4, metric="cosine").fit(features[rows])
        near = search.kneighbors(return_distance=False)
        shares.extend((fine[rows][near] == fine[rows][:, None]).mean(axis=1))
    found = neighbor_purity_score(fine, coarse, features, n_neighbors=4)
    assert found == pytest.approx(np.mean(shares))


def test_order_scale_and_names_do_not_matter():
    fine, coarse, features = random_case(5)
    order = np.random.default_rng(0).permutation(len(fine))
    found = neighbor_purity_score(fine, coarse, features)
    shuffled = neighbor_purity_score(fine[order], coarse[order], features[order])
    renamed = neighbor_purity_score(9 - fine, 5 - coarse, features * 7)
    assert found == pytest.approx(shuffled) == pytest.approx(renamed)


def test_both_ends():
    fine, coarse, _ = random_case(6)
    assert neighbor_purity_score(coarse, coarse, np.ones((len(fine), 2))) == 1.0
    alone = np.arange(len(fine))
    assert neighbor_purity_score(alone, coarse, np.eye(len(fine))) == 0.0
    assert neighbor_purity_score(alone, alone, np.eye(len(fine))) == 1.0


def test_more_neighbors_than_samples_are_all_others():
    fine, coarse, features = random_case(7)
    chance = []
    for row, label in enumerate(coarse):
        others = (coarse == label) & (np.arange(len(coarse)) != row)
        chance.append((fine[others] == fine[row]).mean())
    found = neighbor_purity_score(fine, coarse, features, n_neighbors=1000)
    assert found == pytest.approx(np.mean(chance))
