"""The head's space: one map for all samples, whitened inside fine classes."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.discovery.partition.shared_metric import SharedMetric, unit_rows
from falcon_svc.discovery.training import feature_space
from falcon_svc.discovery.training.feature_space import FeatureSpace
from tests.discovery.planted import planted


@pytest.fixture(scope="module")
def learned():
    data = planted()
    mean = data.features.mean(axis=0)
    return data, FeatureSpace.learn(data.features, mean, data.fine, shrinkage=0.1)


def test_the_map_is_what_it_says_sample_by_sample(learned):
    data, space = learned
    directions = unit_rows(data.features - space.mean)
    metric = SharedMetric.learn(directions, data.fine, shrinkage=0.1)
    plain = directions @ metric.projection
    scale = np.sqrt(np.mean([row @ row for row in plain]))
    np.testing.assert_allclose(space.apply(data.features), plain / scale, atol=1e-5)


def test_mean_squared_length_is_one(learned):
    data, space = learned
    assert (space.apply(data.features) ** 2).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_one_row_at_a_time_gives_the_same(learned, monkeypatch):
    data, space = learned
    whole = space.apply(data.features[:50])
    monkeypatch.setattr(feature_space, "CHUNK_ROWS", 7)
    np.testing.assert_allclose(space.apply(data.features[:50]), whole, atol=1e-6)


def test_the_length_of_a_vector_does_not_count(learned):
    data, space = learned
    far = space.mean + 5 * (data.features - space.mean)
    np.testing.assert_allclose(space.apply(far), space.apply(data.features), atol=1e-4)


def wide(n_rows, n_dims):
    """Two classes of few rows in many dimensions."""
    rng = np.random.default_rng(5)
    fine = np.arange(n_rows) % 4
    rows = rng.normal(size=(4, n_dims))[fine] + rng.normal(size=(n_rows, n_dims))
    return rows.astype(np.float32), fine.astype(np.int64)


@pytest.mark.parametrize("shrinkage", [0.1, 0.7])
def test_fewer_rows_than_dimensions_are_seen_as_by_the_whole_map(shrinkage):
    rows, fine = wide(30, 90)
    mean = rows.mean(axis=0)
    space = FeatureSpace.learn(rows, mean, fine, shrinkage=shrinkage)
    directions = unit_rows(rows - mean)
    whole = directions @ SharedMetric.learn(directions, fine, shrinkage=shrinkage).projection
    whole = whole / np.sqrt((whole**2).sum(axis=1).mean())
    found = space.apply(rows)
    assert found.shape == space.projection.shape[1:] * 2 == (30, 30)
    np.testing.assert_allclose(found @ found.T, whole @ whole.T, atol=1e-5)


def test_rows_that_repeat_each_other_span_fewer_axes_and_are_finite():
    rows, fine = wide(10, 50)
    rows[5:] = rows[:5]
    space = FeatureSpace.learn(rows, rows.mean(axis=0), fine, shrinkage=0.1)
    found = space.apply(rows)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[5:], found[:5], atol=1e-5)


def test_twenty_thousand_dimensions_need_no_square_of_them():
    rows, fine = wide(40, 20_000)
    space = FeatureSpace.learn(rows, rows.mean(axis=0), fine, shrinkage=0.1)
    assert space.projection.shape == (20_000, 40)
