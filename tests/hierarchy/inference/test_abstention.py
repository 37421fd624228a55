"""Abstention: its promise over many draws, and its bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.inference import Abstention
from falcon_svc.hierarchy.inference.abstention import accuracy_lower_bound
from tests.hierarchy.plain import often


def test_the_promise_is_kept_over_100_draws():
    rng, kept, covered = np.random.default_rng(0), [], []
    for _ in range(100):
        sure = rng.random(600)
        rule = Abstention.fit(rng.random(600) < sure, sure, target=0.8)
        limit = min(rule.threshold, 1)
        kept.append((limit + 1) / 2 >= 0.8)  # mean accuracy above a limit, all confidences likely
        covered.append(rule.coverage)
    assert np.mean(kept) >= 0.95
    assert np.mean(covered) > 0.15  # at best 0.4


@often
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 0.95]))
def test_what_is_kept_meets_its_bound(seed, target):
    rng = np.random.default_rng(seed)
    sure = np.round(rng.random(80), 1)
    correct = rng.random(80) < sure
    rule = Abstention.fit(correct, sure, target=target)
    keeps = rule.keeps(sure)
    assert rule.coverage == keeps.mean() and rule.accuracy_bound >= target
    assert not keeps.any() or correct[keeps].mean() >= rule.accuracy_bound


@often
@given(st.integers(1, 60), st.data())
def test_bounds_solve_their_equation(n, data):
    from scipy import stats

    right = data.draw(st.integers(1, n))
    bound = accuracy_lower_bound(right, n, 0.05)
    assert stats.binom.sf(right - 1, n, bound) == pytest.approx(0.05, rel=1e-6)
    assert accuracy_lower_bound(0, n, 0.05) == 0


def test_a_bound_by_hand():
    assert accuracy_lower_bound(10, 10, 0.05) == pytest.approx(0.05 ** (1 / 10))


def test_nothing_is_kept_where_nothing_can_be_promised():
    rule = Abstention.fit([False, True], [0.9, 0.8])
    assert rule.threshold == np.inf and rule.coverage == 0 and not rule.keeps([1.0]).any()


def test_refusals():
    with pytest.raises(ConfigError, match="target between 0 and 1"):
        Abstention.fit([True], [0.5], target=1)
    with pytest.raises(InputError, match="found NaN"):
        Abstention.fit([True], [np.nan])
    with pytest.raises(InputError, match="2 predictions for 1 labels"):
        Abstention.fit([True], [0.5, 0.6])
