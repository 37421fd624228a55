"""Cuts and their vote: consecutive ids, every class inside one coarse class, majority wins."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.partition import (
    class_pca,
    consensus,
    portfolio,
    smooth_space,
    smoothing_steps,
    split,
)
from tests.discovery.planted import planted

COUNTS = np.array([3, 3, 3])


@pytest.fixture(scope="module")
def data():
    return planted()


@pytest.mark.parametrize("exponent", [0.25, 1.0])
def test_a_cut_gives_each_coarse_class_its_own_consecutive_ids(data, exponent):
    groups = data.sources[0].rows_by_class()
    fine = split(smooth_space(data.features, data.sources[0]), groups, COUNTS, exponent, 0)
    for q, rows in enumerate(groups):
        assert set(fine[rows]) == {3 * q, 3 * q + 1, 3 * q + 2}
    assert adjusted_rand_score(data.fine, fine) > 0.95


@pytest.mark.parametrize("exponent", [0.25, 1.0])
def test_one_stray_part_is_outvoted(data, exponent):
    groups = data.sources[0].rows_by_class()
    coarse = data.sources[0].labels
    stray = 3 * coarse + np.random.default_rng(0).integers(0, 3, len(coarse))
    renamed = 3 * coarse + (data.fine - 3 * coarse + 1) % 3
    found = consensus([data.fine, renamed, stray], groups, COUNTS, exponent, 0)
    assert adjusted_rand_score(data.fine, found) == 1.0


def test_every_view_votes_before_and_after_the_metric(data):
    steps = []
    parts = portfolio(
        data.features,
        data.features,
        data.sources[0],
        COUNTS,
        exponent=1.0,
        n_starts=1,
        seed=0,
        on_part=lambda: steps.append(1),
    )
    assert len(parts) == 2 * len(steps) == 6
    assert all(part.max() == 8 and part.min() == 0 for part in parts)


def test_a_class_of_duplicates_has_no_components():
    view = class_pca(np.ones((6, 3), np.float32), [np.arange(6)])
    assert not view.any()


def test_components_inside_a_class_are_unit_rows_even_for_a_lonely_sample(data):
    groups = [np.array([0]), np.arange(1, 40)]
    view = class_pca(data.features[:40], groups)
    assert not view[0].any()
    np.testing.assert_allclose(np.linalg.norm(view[1:], axis=1), 1, atol=1e-5)


def test_smoothing_walks_through_a_class_and_no_further():
    assert [smoothing_steps(n) for n in (1, 90, 120, 250, 360, 1_000, 9_000)] == [
        *(3, 3, 3, 5, 6, 10, 10),
    ]
