"""Several totals of one structure: which are shown, how likely they are, what they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.posterior import CountPosterior, Shift
from falcon_svc.discovery.counts.shown_totals import nearest_shares, shown_totals
from falcon_svc.discovery.counts.total_stability import StabilityCurve
from falcon_svc.discovery.explore import explore_totals
from falcon_svc.discovery.structure import find_structure
from falcon_svc.errors import ConfigError
from falcon_svc.metrics import accuracy_score
from falcon_svc.result.record import TotalEstimate
from tests.discovery.test_structure_laws import planted

CURVE = (np.array([4, 8]), np.array([0.9, 0.1]), np.array([0.2, 0.1]))
UNEQUAL = [60, 12, 50, 10, 30, 20, 14, 25, 40]


def known_posterior():
    """One shift with all the weight: both coarse classes hold two fine classes for certain."""
    by_shift = np.zeros((21, 2, 3))
    by_shift[:, :, 1] = 1.0
    curve = StabilityCurve(np.array([2, 8]), np.array([0.0, 0.4], np.float32), 0.1)
    return CountPosterior(by_shift, lambda: Shift(np.eye(21)[10], curve))


def test_totals_are_shown_in_equal_ratios_with_the_one_used_and_the_runner_up():
    total = TotalEstimate(27, 8, 64, 50, *CURVE)
    assert shown_totals(total, 1, 1000).tolist() == [8, 12, 18, 27, 36, 48, 50, 64]


def test_totals_outside_the_bounds_are_not_shown():
    total = TotalEstimate(27, 8, 64, None, *CURVE)
    assert shown_totals(total, 10, 40).tolist() == [10, 12, 18, 27, 36, 40]


def test_a_total_without_doubt_is_shown_alone():
    assert shown_totals(TotalEstimate(3, 3, 3, None, *CURVE), 3, 9).tolist() == [3]


def test_shares_sum_to_one_and_a_certain_total_has_it_all():
    shares = nearest_shares(known_posterior(), np.array([2, 4, 9]))
    np.testing.assert_allclose(shares, [0, 1, 0], atol=2e-3)  # the true total is 4
    assert nearest_shares(known_posterior(), np.array([7])).tolist() == [1.0]


def test_stability_is_read_off_on_a_scale_of_ratios():
    at = known_posterior().stability_at(np.array([2, 4, 8, 100]))
    np.testing.assert_allclose(at, [0, 0.2, 0.4, 0.4], atol=1e-6)


@pytest.fixture(scope="module")
def unequal():
    return planted([2, 4, 3], per_fine=UNEQUAL)


@pytest.fixture(scope="module")
def explored(unequal):
    x, source, _ = unequal
    return explore_totals(x, source, count_bounds(CountConfig(), source), seed=0)


def test_the_structure_is_one_of_the_candidates_and_is_that_of_a_discovery(unequal, explored):
    x, source, _ = unequal
    own, candidates = explored
    assert any(candidate.structure is own for candidate in candidates)
    alone = find_structure(x, source, count_bounds(CountConfig(), source), seed=0)
    np.testing.assert_array_equal(own.fine, alone.fine)


def test_every_candidate_has_its_total_of_classes_and_all_shares_sum_to_one(unequal, explored):
    _, source, fine = unequal
    own, candidates = explored
    totals = [int(candidate.structure.counts.n_fine.sum()) for candidate in candidates]
    assert totals == sorted(set(totals))
    assert {own.counts.total.low, own.counts.total.high} <= set(totals)
    for candidate, total in zip(candidates, totals, strict=True):
        assert len(np.unique(candidate.structure.fine)) == total
        parents = np.repeat(np.arange(3), candidate.structure.counts.n_fine)
        np.testing.assert_array_equal(parents[candidate.structure.fine], source.labels)
    assert sum(candidate.probability for candidate in candidates) == pytest.approx(1)
    true = next(c for c, total in zip(candidates, totals, strict=True) if total == 9)
    assert accuracy_score(fine, true.structure.fine) == 1.0


def test_equal_sizes_have_other_totals_too():
    x, source, _ = planted([2, 4, 3], per_fine=40)
    bounds = count_bounds(CountConfig(sizes="equal"), source)
    own, candidates = explore_totals(x, source, bounds, seed=0)
    assert own.counts.equal and len(candidates) > 2


def test_more_classes_of_least_samples_than_the_data_split_into_are_refused(unequal):
    x, source, _ = unequal
    bounds = count_bounds(CountConfig(least_samples=5, n_fine=50), source)
    with pytest.raises(ConfigError, match=r"n_fine = 50 .* split into at most .* at least 5 sam"):
        find_structure(x, source, bounds, seed=0)
    high = np.where(np.arange(3) == 1, 20, bounds.high)
    low = np.where(np.arange(3) == 1, 20, 1)
    narrow = replace(bounds, low=low, high=high, total=None)
    with pytest.raises(ConfigError, match="20 fine classes were asked for in 'c1'"):
        find_structure(x, source, narrow, seed=0)


def test_an_estimate_is_what_the_data_split_into_at_most(unequal):
    x, source, _ = unequal
    for least in (12, 30):
        bounds = count_bounds(CountConfig(least_samples=least), source)
        _, candidates = explore_totals(x, source, bounds, seed=0)
        for candidate in candidates:
            sizes = np.bincount(candidate.structure.fine)
            assert sizes.min() >= least
