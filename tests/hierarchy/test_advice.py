"""Advice on finer labels: intervals, figures of geometry, verdicts, and made sets of both kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.advice import advise
from falcon_svc.hierarchy.advice.explanations import boundary_redundancy, mixing
from falcon_svc.hierarchy.advice.intervals import Difference, paired_difference
from falcon_svc.hierarchy.advice.paired_test import Comparison, Trial
from falcon_svc.hierarchy.advice.proxies import given, kmeans
from falcon_svc.hierarchy.advice.verdict import decide, word_of


def ring(n, noise=0.15, seed=0):
    """Eight clouds on a circle whose coarse classes alternate: no line parts the two classes."""
    draw, cloud = np.random.default_rng(seed), np.arange(n) % 8
    angle = cloud * np.pi / 4
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise * draw.normal(size=(n, 2))
    return x, np.array(["even", "odd"])[cloud % 2], cloud.astype(str)


def nuisance(n, n_fine=6, seed=0):
    """Two coarse classes along one narrow axis; fine classes far apart along two others."""
    draw = np.random.default_rng(seed)
    coarse, fine = np.arange(n) % 2, (np.arange(n) // 2) % n_fine
    x = 0.5 * draw.normal(size=(n, 3))
    x[:, 0] += coarse - 0.5
    x[:, 1:] += 6 * np.random.default_rng(99).normal(size=(n_fine, 2))[fine]
    return x, np.array(["a", "b"])[coarse], fine.astype(str)


def comparison(mean, half, n_train, hidden=0, share=1.0, coarse=0.8):
    gain = Difference(mean, mean - half, mean + half)
    return Comparison("fine labels", hidden, share, n_train, coarse, coarse + mean, gain, {})


def test_the_interval_is_students_with_overlap():
    values = [0.01, 0.03, 0.02, 0.04, 0.0]
    found = paired_difference(values, test_per_train=0.25, n_rows=10_000)
    half = stats.t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1 / 5 + 0.25)
    assert found.mean == pytest.approx(0.02)
    assert found.half_width == pytest.approx(half)
    plain = stats.ttest_1samp(values, 0).confidence_interval()
    without = paired_difference(values, test_per_train=0.0, n_rows=10_000)
    assert (without.low, without.high) == pytest.approx((plain.low, plain.high))


def test_the_best_of_several_has_wider_intervals():
    settings = {"test_per_train": 0.5, "n_rows": 10_000}
    one, five = (paired_difference([0.1, 0.2, 0.3], n_tried=k, **settings) for k in (1, 5))
    assert five.low < one.low and five.high > one.high


def test_folds_that_say_nothing_are_left_out():
    settings = {"test_per_train": 0.1, "n_rows": 10_000}
    found = paired_difference([0.1, np.nan, 0.3], **settings)
    assert found == paired_difference([0.1, 0.3], **settings)
    assert paired_difference([np.nan, 0.3], **settings) == Difference(0.3, -1.0, 1.0)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.02, "helps"),
        (-0.02, 0.002, "does not"),
        (-0.02, 0.01, "cannot tell"),
        (-0.2, -0.1, "does not"),
    ],
)
def test_words(low, high, word):
    assert word_of(Difference((low + high) / 2, low, high)) == word


def test_rows_needed_by_hand():
    """No slope, gain 0.02, half width 0.04: four times the rows halve it."""
    flat = [comparison(0.02, 0.08, 250, share=0.25), comparison(0.02, 0.04, 1000)]
    assert decide(flat).rows_needed == pytest.approx(4000, rel=0.03)
    assert decide([comparison(-0.01, 0.04, 1000)]).rows_needed is None
    rising = [comparison(0.0, 0.08, 250, share=0.25), comparison(0.02, 0.04, 1000)]
    assert decide(rising).rows_needed < decide(flat).rows_needed
    assert decide([comparison(0.05, 0.01, 1000)]).rows_needed is None


def test_boundary_redundancy_by_hand():
    """On a line: a1 a1 | a2 || b1: a1's enemy is a2 (inside), a2's is b1, b1's is a2."""
    x = np.array([[0.0], [0.1], [1.0], [1.5]])
    coarse, fine = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 2])
    assert boundary_redundancy(x, coarse, fine) == pytest.approx(2 / 4)
    assert boundary_redundancy(x, coarse, np.zeros(4, int)) is None


def test_mixing_by_hand():
    x = np.array([[0.0], [0.1], [5.0], [5.1]])
    coarse = np.zeros(4, int)
    assert mixing(x, coarse, np.array([0, 1, 0, 1])) == pytest.approx(2 / 3)
    assert mixing(np.repeat(x, 9, axis=0)[:18], np.zeros(18, int), np.repeat([0, 1], 9)) < 0.3
    assert mixing(x, coarse, coarse) is None


def test_kmeans_looks_at_the_training_rows_alone():
    x, names, _ = ring(80)
    coarse = (names == "odd").astype(np.int64)
    rows = np.arange(0, 60)
    first = kmeans(x, coarse, 4, 0)(rows)
    moved = x.copy()
    moved[60:] += 100
    assert (kmeans(moved, coarse, 4, 0)(rows) == first).all()
    assert len(np.unique(first[coarse[rows] == 0])) == 4


def test_smaller_shares_are_parts_of_larger_ones_and_tests_are_apart():
    x, names, _ = ring(80)
    trial = Trial(x.astype(np.float32), (names == "odd").astype(np.int64), ("even", "odd"))
    for (small, test), (large, same) in zip(trial.folds(0.25), trial.folds(1.0), strict=True):
        assert set(small) < set(large)
        assert (test == same).all() and not set(test) & set(large)


def test_the_same_labels_again_change_nothing():
    x, names, _ = ring(40)
    trial = Trial(x.astype(np.float32), (names == "odd").astype(np.int64), ("even", "odd"), 2)
    found = trial.compare("none", given(np.full(40, "")), hidden=0, share=1.0)
    assert (found.coarse_accuracy, found.overall.mean) == (found.fine_accuracy, 0.0)
    assert found.overall.high == -found.overall.low == pytest.approx(-np.log(0.05) / 40)
    assert found.per_class["odd"].high == pytest.approx(-np.log(0.05) / 20)


def test_rows_that_all_agree_are_as_sure_as_their_number():
    """None of n rows differs: with 0.95 probability fewer than 3 / n of all do."""
    few, many = (paired_difference([0.0] * 5, test_per_train=0.25, n_rows=n) for n in (100, 2000))
    assert word_of(few) == "cannot tell" and word_of(many) == "does not"
    assert (1 - few.high) ** 100 == pytest.approx(0.05, rel=0.05)
    tried = paired_difference([0.0] * 5, test_per_train=0.25, n_rows=100, n_tried=4)
    assert tried.high == pytest.approx(-np.log(0.05 / 4) / 100)


def test_advice_is_json_ready_and_speaks():
    x, coarse, fine = ring(80)
    found = advise(x, coarse, fine, hidden=(0,), shares=(1.0,), n_folds=2)
    document = json.loads(json.dumps(found.document()))
    assert document["verdict"]["word"] == found.verdict.word
    assert "with a linear head trained on fine labels" in found.text()
    assert document["explanations"]["least_support"] == 10


def test_without_fine_labels_the_best_stand_in_is_named():
    x, coarse, _ = ring(160)
    found = advise(x, coarse, hidden=(0,), shares=(1.0,), parts=(2, 4), n_folds=2)
    assert found.labels == "k-means, k = 4"
    assert found.explanations.mixing is None
    assert found.comparisons[-1].overall.mean > 0.2


@pytest.mark.parametrize(
    ("coarse", "fine", "words"),
    [
        (["a"] * 20, None, "at least two coarse classes"),
        (["a"] * 18 + ["b"] * 2, None, "2 of 'b'"),
        (["a", "b"] * 10, ["x"] * 3, "one label for each of the 20 vectors"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(coarse, fine, words):
    with pytest.raises(InputError, match=words):
        advise(np.zeros((20, 2)), coarse, fine)


def test_a_nan_is_one_sentence():
    with pytest.raises(InputError, match="NaN or infinity"):
        advise(np.full((20, 2), np.nan), ["a", "b"] * 10)


@pytest.mark.slow
def test_fine_training_wins_where_a_small_head_cannot_bend():
    """The study's finding: the gain is large for a linear head and gone with capacity."""
    x, coarse, fine = ring(400)
    found = advise(x, coarse, fine, hidden=(0, 32), shares=(0.25, 1.0))
    assert found.per_head[0].word == "helps"
    assert found.per_head[0].difference.mean > 0.2
    assert abs(found.per_head[32].difference.mean) < 0.02
    by_size = [one.overall.mean for one in found.comparisons if one.hidden == 0]
    assert by_size[1] > by_size[0]


@pytest.mark.slow
def test_fine_training_loses_where_fine_boundaries_take_the_capacity():
    """The other regime: two hidden units go to the nuisance, and come back with 32."""
    x, coarse, fine = nuisance(2000)
    found = advise(x, coarse, fine, hidden=(2, 32), shares=(1.0,), n_folds=3)
    assert found.per_head[2].word == "does not"
    assert found.per_head[2].difference.mean < -0.05
    assert abs(found.per_head[32].difference.mean) < 0.02
