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
