"""Views: what becomes of lengths, who is a neighbor, and what the metric changes."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.discovery.partition.views import (
    MAX_DIM,
    View,
    class_pca,
    equal_views,
    reduced,
    smoothing_steps,
    soft_rows,
    unequal_views,
)
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.types import LabelSource
from tests.discovery.planted import planted


@pytest.fixture(scope="module")
def data():
    return planted()


def test_soft_rows_equal_the_formula_and_keep_directions():
    rows = np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], np.float32)
    mean = (25 + 0.25) / 3
    by_hand = rows / np.sqrt(np.array([[25.0], [0.25], [0.0]]) + mean)
    np.testing.assert_allclose(soft_rows(rows), by_hand, rtol=1e-5)
    assert np.linalg.norm(soft_rows(rows), axis=1).max() < 1


def test_lengths_stay_in_the_view_that_keeps_them_and_are_one_in_directions(data):
    lengths, soft, directions = unequal_views(data.features, data.sources[0])
    norm = np.linalg.norm(lengths.rows, axis=1)
    assert norm.std() > 0.05 * norm.mean()
    np.testing.assert_allclose(np.linalg.norm(directions.rows, axis=1), 1, atol=1e-5)
    assert np.linalg.norm(soft.rows, axis=1).max() < 1


def test_after_the_metric_clusters_scatter_alike_in_all_directions(data):
    lengths = unequal_views(data.features, data.sources[0])[0].after(data.fine)
    means = np.stack([lengths.rows[data.fine == f].mean(axis=0) for f in range(9)])
    residual = lengths.rows - means[data.fine]
    variance = residual.var(axis=0)
    assert variance.max() < 2 * variance.min()


def test_smoothing_stays_inside_the_coarse_class(data):
    source = data.sources[0]
    equal = [make() for make in equal_views(data.features, source, seed=0, pieces=Pieces())]
    views = (*unequal_views(data.features, source), *equal)
    first, others = source.rows_by_class()[0], source.labels != 0
    for view in views:
        moved = View(np.where(others[:, None], 0.7, view.rows), view.inside, view.length)
        if view.length != "soft":  # whose lengths are relative to all rows
            expected = view.space(source, 3)[first]
            np.testing.assert_allclose(moved.space(source, 3)[first], expected, atol=1e-5)


def test_wide_rows_are_reduced_to_the_axes_that_there_can_be():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(40, 2_000)).astype(np.float32)
    source = LabelSource("coarse", np.repeat([0, 1], 20).astype(np.int64), ("a", "b"))
    assert reduced(wide, source).shape == (40, 40)
    assert reduced(wide[:, :MAX_DIM], source).shape == (40, MAX_DIM)


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
