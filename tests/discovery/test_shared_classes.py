"""Pairs that cannot be told apart: planted halves, distinct neighbors, the level of the test."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from falcon_svc.discovery.labels.shared_classes import (
    LIMIT,
    beneath,
    candidates,
    find_shared_classes,
    judged_pair,
)
from falcon_svc.discovery.training.merged_start import merged_ids, merged_relation
from falcon_svc.discovery.training.relation_step import extra_parents, solve_relation
from falcon_svc.result.record import SharedPair


def classes(*, gap=4.0, size=60, seed=0, dim=10, n=8):
    """`n` unit Gaussians around points `gap` apart in pairs (2i, 2i + 1), pairs far away."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(n), size)
    centres = np.zeros((n, dim))
    centres[:, 0] = 50 * (np.arange(n) // 2)
    centres[1::2, 1] = gap
    x = centres[fine] + rng.normal(size=(len(fine), dim))
    relation = np.zeros((n, 2), np.bool_)
    relation[np.arange(n), np.arange(n) % 2] = True
    return x.astype(np.float32), fine, relation


def pair_of(f, g):
    return SharedPair((f, g), 0.5, 0.6, 0.0)


def test_halves_of_one_class_are_found_and_distinct_classes_are_not():
    x, fine, relation = classes(gap=0.0)
    found = {pair.fine for pair in find_shared_classes(x, fine, relation)}
    assert found == {(0, 1), (2, 3), (4, 5), (6, 7)}
    x, fine, relation = classes(gap=4.0)
    assert find_shared_classes(x, fine, relation) == ()


def test_siblings_and_left_out_samples_have_no_part():
    x, fine, relation = classes(gap=0.0)
    relation[:] = [True, False]
    assert find_shared_classes(x, fine, relation) == ()
    x, fine, relation = classes(gap=0.0)
    fine[fine < 2] = -1
    assert (0, 1) not in {p.fine for p in find_shared_classes(x, fine, relation)}


def test_small_classes_are_not_called_alike():
    x, fine, relation = classes(gap=0.0, size=5)
    assert find_shared_classes(x, fine, relation) == ()


def test_classes_told_apart_at_the_limit_are_listed_in_at_most_the_level():
    """Two Gaussians at distance d are told apart with accuracy Phi(d / 2)."""
    gap = 2 * 0.8416212335729143  # Phi(0.842) = 0.8 = LIMIT
    assert LIMIT == 0.8
    listed = 0
    for seed in range(100):
        x, fine, relation = classes(gap=gap, seed=seed, n=2, size=200, dim=2)
        listed += len(find_shared_classes(x, fine, relation))
    assert listed <= 11  # binomial(100, 0.05): more in 1 of 100


def test_unequal_sizes_do_not_make_distinct_classes_alike():
    rng = np.random.default_rng(0)
    fine = np.repeat([0, 1], [12, 400])
    x = rng.normal(size=(412, 200)).astype(np.float32)
    x[fine == 1, 0] += 8
    found = judged_pair(
        x,
        (0, 1),
        (np.flatnonzero(fine == 0), np.flatnonzero(fine == 1)),
        np.stack([x[fine == k].mean(axis=0) for k in (0, 1)]),
    )
    assert found.balanced_accuracy > 0.95


def test_candidates_are_the_nearest_of_other_parents():
    means = np.array([[0.0], [1.0], [2.0], [10.0]], np.float32)
    relation = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.bool_)
    pairs = candidates(means, np.full(4, 100), relation)
    assert pairs == [(0, 1), (0, 3), (1, 2), (2, 3)]
    assert candidates(means, np.array([100, 100, 3, 3]), relation) == [(0, 1)]


@pytest.mark.parametrize("seed", range(5))
def test_step_up_procedure_agrees_with_scipy(seed):
    p = np.random.default_rng(seed).random(50) ** 3
    assert np.array_equal(beneath(p, 0.05), false_discovery_control(p) <= 0.05)
    assert not beneath(np.zeros(0), 0.05).size


def test_joined_pairs_become_one_class_with_all_parents():
    owner = merged_ids(6, (pair_of(1, 3), pair_of(3, 4)))
    assert owner.tolist() == [0, 1, 2, 1, 1, 3]
    relation = np.eye(3, dtype=np.bool_)[[0, 0, 1, 1, 2, 2]]
    assert merged_relation(relation, owner).astype(int).tolist() == [
        [1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip
    assert merged_ids(3, ()).tolist() == [0, 1, 2]


def test_the_solver_gives_further_parents_where_the_mass_is():
    relation = np.array([[1, 1], [1, 0], [0, 1]], np.bool_)
    affinity = np.array([[0.2, 0.2], [0.3, 0.0], [0.0, 0.3]])
    extra = extra_parents(relation)
    assert (extra.budget, extra.per_class) == (1, 2)
    found = solve_relation(
        affinity, balance=1.0, size_targets=np.array([2, 2]), time_limit_s=10.0, extra=extra
    )
    assert np.array_equal(found.relation, relation)
    assert extra_parents(np.eye(2, dtype=np.bool_)) is None
