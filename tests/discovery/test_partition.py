"""Votes and cuts: consecutive ids, every class inside one coarse class, majority wins."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.partition.merge_tree import cut_at_common_cost, cut_at_counts
from falcon_svc.discovery.partition.views import N_VIEWS, equal_views, unequal_views
from falcon_svc.discovery.partition.votes import (
    GRANULARITIES,
    METRIC_ROUNDS,
    balanced_consensus,
    balanced_votes,
    forest_votes,
    view_forest,
    vote_trees,
)
from falcon_svc.discovery.pieces import Pieces
from tests.discovery.planted import planted

COUNTS = np.array([3, 3, 3])


@pytest.fixture(scope="module")
def data():
    return planted()


def strays(data):
    """The truth, the truth renamed, and a partition at random."""
    coarse = data.sources[0].labels
    stray = 3 * coarse + np.random.default_rng(0).integers(0, 3, len(coarse))
    renamed = 3 * coarse + (data.fine - 3 * coarse + 1) % 3
    return [data.fine, renamed, stray]


def test_one_stray_part_is_outvoted(data):
    groups, parts = data.sources[0].rows_by_class(), strays(data)
    for found in (
        cut_at_counts(vote_trees(parts, groups, 3), groups, COUNTS),
        cut_at_common_cost(vote_trees(parts, groups, 3), groups, 9),
        balanced_consensus(parts, groups, COUNTS, seed=0),
    ):
        assert adjusted_rand_score(data.fine, found) == 1.0


def test_a_cost_is_twice_the_share_of_votes_that_part_two_samples_times_their_number():
    parts = [np.array([0, 0, 1]), np.array([0, 1, 1])]
    [tree] = vote_trees(parts, [np.arange(3)], 3)
    np.testing.assert_allclose(tree.costs, [2, 3])  # one part parts them; then the mean of 2 and 4


@pytest.mark.parametrize("exponent", [0.0, 0.25])
def test_every_view_votes_before_and_after_the_metric_at_every_granularity(data, exponent):
    source = data.sources[0]
    views = unequal_views(data.features, source)
    forest = view_forest(views, source, 9, size_exponent=exponent, pieces=Pieces())
    groups = source.rows_by_class()
    parts = forest_votes(forest, groups, 9)
    assert len(forest) == 2 * len(views) == 2 * N_VIEWS
    assert len(parts) == len(GRANULARITIES) * len(forest)
    for part in parts:
        assert all(len(np.intersect1d(part[groups[0]], part[rows])) == 0 for rows in groups[1:])
    found = cut_at_counts(vote_trees(parts, groups, 3), groups, COUNTS)
    assert adjusted_rand_score(data.fine, found) > 0.95


def test_balanced_votes_have_consecutive_ids_of_like_size(data):
    source = data.sources[0]
    views = equal_views(data.features, source, seed=0, pieces=Pieces())
    parts = balanced_votes(views, source, COUNTS, seed=0, pieces=Pieces())
    assert len(parts) == 2 * len(views) == 2 * N_VIEWS
    assert METRIC_ROUNDS > 0
    for part in parts:
        sizes = np.bincount(part, minlength=9)
        assert len(sizes) == 9
        assert sizes.min() > 0.5 * sizes.mean()
        for q, rows in enumerate(source.rows_by_class()):
            assert set(part[rows]) == {3 * q, 3 * q + 1, 3 * q + 2}
