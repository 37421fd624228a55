"""The test against twins with one mode: the twins, the p-values, what they leave."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.posterior import count_posterior
from falcon_svc.discovery.counts.unimodal_twins import (
    UnimodalTwins,
    _one_mode,
    chance_of_twins,
    chances_of_one,
    n_repeats,
    n_rows_of_twins,
    probability_of_twins,
    simes,
    unimodal,
)
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.types import LabelSource
from tests.discovery.test_structure_laws import planted

RANDOM = np.random.default_rng(0)


def pooled(y, weight):
    """Pool adjacent violators, as slowly as it is written: the best rising fit."""
    blocks = [[value, w, 1] for value, w in zip(y, weight, strict=True)]
    i = 0
    while i + 1 < len(blocks):
        if blocks[i][0] <= blocks[i + 1][0]:
            i += 1
            continue
        (a, v, n), (b, w, m) = blocks[i], blocks[i + 1]
        blocks[i : i + 2] = [[(a * v + b * w) / (v + w), v + w, n + m]]
        i = max(i - 1, 0)
    return np.array([value for value, _, n in blocks for _ in range(n)])


@pytest.mark.parametrize("mode", [0, 7, 19])
def test_the_nearest_distribution_rises_to_its_mode_and_falls_after_it(mode):
    x = np.sort(np.r_[RANDOM.normal(size=12), RANDOM.normal(6, size=8)])
    level = (np.arange(20) + 0.5) / 20
    width = np.diff(x)
    density = np.diff(level) / width
    wanted = np.r_[
        pooled(density[:mode], width[:mode]), pooled(density[mode:][::-1], width[mode:][::-1])[::-1]
    ]
    found = _one_mode(x, level, mode)
    np.testing.assert_allclose(np.diff(found) / width, wanted, rtol=1e-8)
    assert found[[0, -1]] == pytest.approx(level[[0, -1]])


def test_equally_spaced_values_stay_uniform():
    level = np.array([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(_one_mode(np.arange(4.0), level, 2), level)


def test_draws_keep_the_shape_and_lose_the_gap():
    skewed = RANDOM.standard_exponential(2_000)
    assert stats.ks_2samp(skewed, unimodal(skewed, RANDOM)).pvalue > 0.01
    apart = np.r_[RANDOM.normal(-5, size=300), RANDOM.normal(5, size=300)]
    drawn = unimodal(apart, RANDOM)
    assert (np.abs(apart) < 2).mean() < 0.01
    assert (np.abs(drawn) < 2).mean() > 0.1
    assert apart.min() <= drawn.min() <= drawn.max() <= apart.max()
    assert unimodal(np.ones(5), RANDOM).tolist() == [1] * 5


def test_twins_have_the_axes_of_their_coarse_classes():
    x, source, _ = planted([2, 3], per_fine=50, dim=6)
    drawn = UnimodalTwins(x, source).drawn(np.random.default_rng(1))
    for rows in source.rows_by_class():
        _, scale, axes = np.linalg.svd(x[rows] - x[rows].mean(axis=0), full_matrices=False)
        own = (drawn[rows] - x[rows].mean(axis=0)) @ axes.T
        spread = scale / np.sqrt(len(rows))
        np.testing.assert_allclose(own.std(axis=0), spread, rtol=0.35)
        assert (np.abs(own.mean(axis=0)) < spread / 2).all()


def test_a_chance_is_that_of_one_more_draw():
    twins, score = RANDOM.normal(3, 2, size=(12, 1)), np.array([5.0])
    t = (5.0 - twins.mean()) / (twins.std(ddof=1) * np.sqrt(1 + 1 / 12))
    assert chances_of_one(score, twins) == pytest.approx(stats.t.sf(t, 11))
    drawn = RANDOM.normal(size=(400, 5, 4))
    chances = np.array([chances_of_one(one[0], one[1:]) for one in drawn]).ravel()
    assert stats.kstest(chances, "uniform").pvalue > 0.001
    nothing = np.array([-np.inf, 4.0])
    assert chances_of_one(nothing, np.array([[0.0, 1], [0, 2]])).round(3).tolist() == [1, 0.106]
    assert chances_of_one(nothing[:1], np.full((3, 1), -np.inf)).tolist() == [1]


def test_simes_by_hand():
    assert simes(np.array([0.5, 0.01, 0.04])) == pytest.approx(0.03)
    assert simes(np.array([0.3, 0.02, 0.021])) == pytest.approx(0.0315)
    assert simes(np.array([0.7])) == 0.7


def test_what_a_p_value_leaves_of_a_half():
    assert probability_of_twins(0.05) == pytest.approx(0.2893, abs=1e-4)  # Sellke et al., table 1
    assert probability_of_twins(0.01) == pytest.approx(0.1113, abs=1e-4)
    assert probability_of_twins(0.9) == probability_of_twins(np.exp(-1)) == 0.5
    assert probability_of_twins(0.0) < 1e-200


def test_forty_twins_in_all_and_two_each():
    assert [n_repeats(n) for n in (1, 3, 19, 20, 40)] == [40, 14, 3, 2, 2]
    assert n_rows_of_twins(np.full(1_000, 50)) == 2 * 40 * 50


@pytest.mark.parametrize("kind", ["normal", "exponential", "uniform"])
def test_noise_is_like_its_twins_and_classes_are_not(kind):
    draw = getattr(np.random.default_rng(3), kind)
    source = LabelSource("coarse", np.repeat(np.arange(4), 80), tuple("abcd"))
    noise = (draw(size=(320, 8)) * np.linspace(3, 1, 8)).astype(np.float32)
    noise += 10 * np.eye(8, dtype=np.float32)[source.labels]
    found = {"least_rows": 4, "seed": 0, "pieces": Pieces()}
    assert chance_of_twins(noise, source, **found) > 0.05
    x, source, _ = planted([4, 2, 3], per_fine=40, seed=1)
    assert chance_of_twins(x, source, **found) < 1e-4


def test_where_all_may_be_noise_no_coarse_class_is_likely_split():
    source = LabelSource("coarse", np.repeat([0, 1], 100), ("a", "b"))
    noise = np.random.default_rng(5).uniform(size=(200, 4)).astype(np.float32)
    bounds = count_bounds(CountConfig(), source)
    found = count_posterior(noise, source, bounds.low, bounds.high, least_samples=1, seed=0)
    assert found.weight.sum() == pytest.approx(1)
    assert found.by_shift[0, :, 0] == pytest.approx([1, 1])
    assert found.mean_totals()[0] == pytest.approx(2)
    if found.weight[0] == 0.5:
        assert (found.counts[:, 0] >= 0.5).all()
