from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from falcon_svc.discovery.training.relation_step import (
    AffinityWindow,
    random_relation,
    solve_relation,
)


def solved(affinity: np.ndarray, **changes: object) -> np.ndarray:
    options = {"balance": 0.0, "size_targets": None, "time_limit_s": 10.0}
    return solve_relation(affinity, **(options | changes)).relation


def test_affinity_is_the_mean_mass_of_a_fine_class_in_a_coarse_class() -> None:
    random = np.random.default_rng(0)
    prob, coarse = random.dirichlet(np.ones(4), 30), random.integers(0, 3, 30)
    window = AffinityWindow(3, 4, torch.device("cpu"))
    for part in np.array_split(np.arange(30), 4):
        window.add(torch.from_numpy(prob[part]).float(), torch.from_numpy(coarse[part]))
    wanted = np.zeros((4, 3))
    for row, y in zip(prob, coarse, strict=True):
        wanted[:, y] += row / 30
    np.testing.assert_allclose(window.affinity(), wanted, atol=1e-6)
    assert window.affinity().sum() == pytest.approx(1, abs=1e-6)
    window.clear()
    assert window.affinity().sum() == 0


def test_every_fine_class_has_one_parent_and_no_coarse_class_is_empty() -> None:
    relation = solved(np.random.default_rng(0).random((9, 4)))
    assert (relation.sum(axis=1) == 1).all()
    assert (relation.sum(axis=0) >= 1).all()


def test_without_balance_mass_decides() -> None:
    affinity = np.array([[0.3, 0.0], [0.3, 0.0], [0.2, 0.0], [0.0, 0.2]])
    assert solved(affinity).sum(axis=0).tolist() == [3, 1]


def test_rho_of_one_forces_an_even_share_where_classes_have_mean_mass() -> None:
    affinity = np.array([[0.25, 0.0], [0.25, 0.0], [0.249, 0.001], [0.0, 0.25]])
    assert solved(affinity, balance=0.9).sum(axis=0).tolist() == [3, 1]
    assert solved(affinity, balance=1.1).sum(axis=0).tolist() == [2, 2]


def test_rho_is_the_papers_lambda_on_cifar() -> None:
    random, n_fine, n_coarse, lambda_m = np.random.default_rng(1), 6, 3, 0.1
    affinity = random.dirichlet(np.ones(n_fine * n_coarse)).reshape(n_fine, n_coarse)
    best, best_value = None, -np.inf
    for parents in itertools.product(range(n_coarse), repeat=n_fine):
        sizes = np.bincount(parents, minlength=n_coarse)
        value = affinity[np.arange(n_fine), list(parents)].sum()
        value -= lambda_m * ((sizes**2).sum() / n_coarse - (n_fine / n_coarse) ** 2)
        if sizes.min() >= 1 and value > best_value:
            best, best_value = parents, value
    rho = lambda_m * 2 * n_fine / n_coarse
    assert solved(affinity, balance=rho).argmax(axis=1).tolist() == list(best)


def test_size_targets_take_the_place_of_the_even_share() -> None:
    affinity = np.full((6, 2), 1 / 12)
    relation = solved(affinity, balance=1.0, size_targets=np.array([5, 1]))
    assert relation.sum(axis=0).tolist() == [5, 1]


@pytest.mark.parametrize(("n_fine", "n_coarse"), [(10, 3), (4, 4), (7, 1)])
def test_random_relation_is_balanced(n_fine: int, n_coarse: int) -> None:
    sizes = random_relation(n_fine, n_coarse, seed=0).sum(axis=0)
    assert sizes.max() - sizes.min() <= 1
