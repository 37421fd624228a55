"""Laws of the structure step's formulas, each against another computation or by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.counts.allocation import allocate, split_evidence
from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.size_prior import (
    dispersion_of_counts,
    estimate_dispersion,
    log_chance_of_whole_shares,
    log_size_prior,
    told_dispersion,
)
from falcon_svc.discovery.partition.balanced_kmeans import balanced_assignment, balanced_kmeans
from falcon_svc.discovery.partition.contrast import TEMPERATURE, info_nce_loss
from falcon_svc.discovery.partition.merge_tree import cut_at_common_cost, merge_tree
from falcon_svc.discovery.partition.shared_metric import centred, class_means, unit_rows, whitening
from falcon_svc.discovery.partition.smoothing import smoothed
from falcon_svc.discovery.stability import class_stability
from falcon_svc.discovery.structure import find_structure
from falcon_svc.errors import ConfigError
from falcon_svc.types import LabelSource


def planted(counts, *, per_fine=30, dim=12, spread=5.0, seed=0):
    """Blobs: class q holds counts[q] fine classes; sizes from `per_fine`, a number or a list."""
    rng = np.random.default_rng(seed)
    parents = np.repeat(np.arange(len(counts)), counts)
    sizes = np.broadcast_to(per_fine, parents.shape)
    fine = np.repeat(np.arange(len(parents)), sizes)
    centres = rng.normal(size=(len(parents), dim)) * spread
    x = (centres[fine] + rng.normal(size=(len(fine), dim))).astype(np.float32)
    coarse = parents[fine].astype(np.int64)
    names = tuple(f"c{q}" for q in range(len(counts)))
    return x, LabelSource("coarse", coarse, names), fine.astype(np.int64)


def test_class_means_equal_a_loop_and_empty_classes_are_zero():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 3)).astype(np.float32), rng.integers(0, 4, 20)
    means = class_means(x, labels, 6)
    for k in range(4):
        np.testing.assert_allclose(means[k], x[labels == k].mean(axis=0), atol=1e-5)
    assert not means[4:].any()
    np.testing.assert_allclose(class_means(centred(x, labels), labels, 4), 0, atol=1e-5)


@pytest.mark.parametrize("shrinkage", [0.1, 0.5, 1.0])
def test_whitening_makes_the_shrunk_scatter_the_identity(shrinkage):
    half = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    scatter = half.T @ half / 30
    w = whitening(scatter, shrinkage)
    shrunk = (1 - shrinkage) * scatter + shrinkage * np.trace(scatter) / 5 * np.eye(5)
    np.testing.assert_allclose(w.T @ shrunk @ w, np.eye(5), atol=1e-4)


def test_smoothing_keeps_unit_length_and_moves_to_the_neighbors_mean():
    x = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
    neighbors = np.array([[1], [0], [0]])
    np.testing.assert_allclose(smoothed(x, neighbors, n_steps=0), unit_rows(x))
    once = smoothed(x, neighbors, n_steps=1)
    np.testing.assert_allclose(once[0], [2**-0.5, 2**-0.5], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(once, axis=1), 1, atol=1e-6)


def test_exponent_zero_is_average_linkage_of_squared_distances():
    x = np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32)
    tree = merge_tree(x, size_exponent=0.0, max_groups=100)
    oracle = linkage(x, "average", metric="sqeuclidean")
    np.testing.assert_allclose(tree.costs, oracle[:, 2], rtol=1e-3)
    for k in (2, 5, 11):
        assert adjusted_rand_score(fcluster(oracle, k, "maxclust"), tree.cut(k)) == 1


def test_a_cut_has_as_many_clusters_as_asked_and_cuts_are_nested():
    x = np.random.default_rng(3).normal(size=(60, 4)).astype(np.float32)
    tree = merge_tree(x, size_exponent=0.5, max_groups=25)
    previous = tree.cut(1)
    for k in range(2, 26):
        labels = tree.cut(k)
        assert len(np.unique(labels)) == k
        assert len(np.unique(np.c_[previous, labels], axis=0)) == k
        previous = labels
    assert len(np.unique(tree.cut(99))) == 25


def test_balanced_assignment_has_equal_clusters_and_rows_of_one():
    distance = np.random.default_rng(4).random((2, 5, 50)) + 0.1
    weight = balanced_assignment(distance, np.array([50, 30]))
    np.testing.assert_allclose(weight.sum(axis=2), [[10] * 5, [6] * 5], rtol=1e-6)
    np.testing.assert_allclose(weight[0].sum(axis=0), 1, rtol=0.05)
    np.testing.assert_allclose(weight[1, :, :30].sum(axis=0), 1, rtol=0.05)
    assert not weight[1, :, 30:].any()


def test_balanced_kmeans_finds_equal_blobs_and_bears_duplicates():
    x, _, fine = planted([12], per_fine=20, dim=4, spread=4.0)
    alike = np.ones((6, 2), np.float32)
    found, of_alike, whole = balanced_kmeans(
        [x, alike, x[:7]], np.array([12, 3, 1]), n_starts=8, seed=0
    )
    assert adjusted_rand_score(fine, found) > 0.95
    assert len(np.unique(of_alike)) == 3
    assert not whole.any()


def test_the_size_prior_is_the_log_normal_it_says():
    sizes, v = np.array([30, 10]), 0.5
    prior = log_size_prior(sizes, 4, v, 3)
    s2 = np.log1p(v**2 / 2) + 1e-4
    by_hand = -((np.log(30 / 20) + s2 / 2) ** 2) / (2 * s2) - np.log(s2) / 2
    assert prior[0, 1] == pytest.approx(by_hand)
    assert prior.argmax(axis=1).tolist() == [2, 0]


def test_dispersion_is_small_where_shares_are_whole_and_large_where_not():
    assert estimate_dispersion(np.full(10, 600), 150, 60) < 0.05
    assert estimate_dispersion(np.array([577, 92, 341, 208, 133, 449]), 20, 15) > 0.25
    assert dispersion_of_counts(np.array([100, 200, 300]), np.array([1, 2, 3])) < 0.05


def test_what_the_user_says_of_sizes_goes_first():
    assert told_dispersion(0.9, "equal") < 0.05
    assert told_dispersion(0.1, "natural") == 0.8
    assert told_dispersion(0.1, "long tail") == 1.3
    assert told_dispersion(0.1, "auto") == 0.1


def test_the_chance_of_whole_shares_is_that_of_random_ones():
    rng = np.random.default_rng(0)
    sizes, total = np.array([4_020, 2_950, 2_030]), 9
    missed = ((sizes * total / sizes.sum()) % 1 - np.array([0, 1, 0])) ** 2
    drawn = rng.uniform(-0.5, 0.5, (400_000, 2))
    last = -drawn.sum(axis=1)
    last -= last.round()
    square = (drawn**2).sum(axis=1) + last**2
    # the ball is a slice across the cube: sqrt(C) as large as its shadow on the first C - 1 axes
    share = (square <= missed.sum()).mean() * np.sqrt(3)
    assert np.exp(log_chance_of_whole_shares(sizes, total)) == pytest.approx(share, rel=0.15)


def test_whole_shares_are_no_chance_on_equal_classes_and_say_nothing_elsewhere():
    assert log_chance_of_whole_shares(np.full(20, 600), 100) < -60
    assert log_chance_of_whole_shares(np.full(20, 600), 109) > -12
    assert log_chance_of_whole_shares(np.array([577, 92, 341, 208, 133, 449]), 20) > -3
    assert log_chance_of_whole_shares(np.array([900]), 7) == 0
    assert log_chance_of_whole_shares(np.array([1_000, 10]), 9) == 0


def brute_allocations(score, n_fine, low, high):
    ranges = [range(a, b + 1) for a, b in zip(low, high, strict=True)]
    return {
        n: sum(score[q, k - 1] for q, k in enumerate(n))
        for n in product(*ranges)
        if sum(n) == n_fine
    }


@pytest.mark.parametrize("seed", range(20))
def test_allocation_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(4, 5)) * 2
    low, high = rng.integers(1, 3, 4), rng.integers(3, 6, 4)
    n_fine = int(rng.integers(low.sum(), high.sum() + 1))
    values = brute_allocations(score, n_fine, low, high)
    best = max(values.values())
    counts = allocate(score, n_fine, low, high)
    assert values[tuple(counts.tolist())] == pytest.approx(best)


def test_an_impossible_allocation_is_refused():
    with pytest.raises(ValueError, match="no counts"):
        allocate(np.zeros((2, 3)), 9, np.array([1, 1]), np.array([3, 3]))


def test_split_evidence_is_zero_at_the_common_cut():
    x, source, _ = planted([3, 1], spread=8.0)
    trees = [merge_tree(x[r], size_exponent=1.0, max_groups=100) for r in source.rows_by_class()]
    evidence = split_evidence(trees, 4, 6)
    assert evidence[:, 0].tolist() == [0, 0]
    assert evidence[0, 2] == pytest.approx(evidence[0].max())  # the last split made costs h*
    assert evidence[0, 3] < evidence[0, 2]
    assert evidence[1].argmax() == 0


def test_info_nce_equals_a_loop():
    a, b = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    unit_a, unit_b = a / a.norm(dim=1, keepdim=True), b / b.norm(dim=1, keepdim=True)
    total = 0.0
    for i in range(6):
        scores = torch.stack([unit_a[i] @ unit_b[j] / TEMPERATURE for j in range(6)])
        total -= float(torch.log(torch.exp(scores[i]) / torch.exp(scores).sum()))
    assert float(info_nce_loss(a, b)) == pytest.approx(total / 6)


def test_stability_is_one_for_equal_partitions_and_the_jaccard_otherwise():
    fine = np.array([0, 0, 0, 1, 1, 1])
    assert class_stability(fine, [fine, fine], 3)[:2].tolist() == [1, 1]
    assert np.isnan(class_stability(fine, [fine], 3)[2])
    other = np.array([0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(class_stability(fine, [other], 2), [2 / 3, 3 / 4])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_fine": 1}, "n_fine = 1"),
        ({"n_fine": 10_000}, "n_fine = 10000"),
        ({"n_fine_per_coarse": {"zebra": 2}}, "zebra"),
        ({"n_fine_per_coarse": {"c0": 10_000}}, "samples"),
        ({"n_fine": 9, "n_fine_per_coarse": {"c0": 3, "c1": 2}}, "n_fine = 9"),
    ],
)
def test_contradictory_counts_name_the_setting(settings, words):
    _, source, _ = planted([2, 2])
    with pytest.raises(ConfigError, match=words):
        count_bounds(CountConfig.model_validate(settings), source)


@pytest.mark.parametrize("max_groups", [200, 25])
def test_a_pruned_tree_has_no_small_clusters_and_otherwise_the_same_splits(max_groups):
    rng = np.random.default_rng(3)
    x = np.r_[rng.normal(size=(40, 4)), rng.normal(size=(3, 4)) + 30, rng.normal(size=(20, 4)) + 9]
    tree = merge_tree(x.astype(np.float32), size_exponent=0.0, max_groups=max_groups)
    pruned = tree.pruned(5)
    assert tree.pruned(1).costs.tolist() == tree.costs.tolist()
    assert set(pruned.costs.tolist()) <= set(tree.costs.tolist())
    assert sorted(np.bincount(tree.cut(3)).tolist()) == [3, 20, 40]
    found = pruned.cut(2)
    assert sorted(np.bincount(found).tolist()) in ([20, 43], [23, 40])
    for k in range(2, len(pruned.costs) + 2):
        assert np.bincount(pruned.cut(k)).min() >= 5
    assert len(np.unique(pruned.cut(99))) == len(pruned.costs) + 1


def test_where_small_splits_come_early_few_samples_leave_before_a_large_class_is_halved():
    """By hand: twice 40 samples 4 apart; far from them 40 and 3 samples, 3.6 apart."""
    rng = np.random.default_rng(0)
    places = np.repeat([0.0, 4.0, 50.0, 53.6], [40, 40, 40, 3])[:, None]
    x = (places + 0.01 * rng.normal(size=places.shape)).astype(np.float32)
    tree = merge_tree(x, size_exponent=0.0)
    early = tree.weighed_by_size(20.0, -0.25)
    assert sorted(np.bincount(tree.cut(3))) == [40, 40, 43]
    assert sorted(np.bincount(early.cut(3))) == [3, 40, 80]
    assert sorted(np.bincount(early.cut(4))) == [3, 40, 40, 40]
    weights = (np.array([40, 3, 43]) / 20) ** -0.25
    by_hand = np.array([4.0, 3.6, 50.0 + 3.6 * 3 / 43 - 2]) ** 2 * weights
    assert early.costs[-3:] == pytest.approx(by_hand, rel=0.01)


@pytest.mark.parametrize("max_groups", [200, 25])
@pytest.mark.parametrize("exponent", [-0.5, -0.25, 0.0, 0.5])
def test_a_weighed_tree_nests_and_its_costs_fall(max_groups, exponent):
    rng = np.random.default_rng(5)
    x = np.r_[rng.normal(size=(60, 3)), rng.normal(size=(15, 3)) + 4].astype(np.float32)
    tree = merge_tree(x, size_exponent=0.0, max_groups=max_groups)
    weighed = tree.weighed_by_size(10.0, exponent)
    small = weighed.pruned(2)
    assert len(small.costs) == len(tree.pruned(2).costs)
    assert np.bincount(small.cut(len(small.costs) + 1)).min() >= 2
    assert len(weighed.costs) == len(tree.costs)
    assert (np.diff(weighed.costs) >= 0).all()
    if exponent == 0:
        assert weighed.costs == pytest.approx(tree.costs)
        assert all((weighed.cut(k) == tree.cut(k)).all() for k in range(1, 9))
    for k in range(1, len(weighed.costs) + 1):
        coarse, fine = weighed.cut(k), weighed.cut(k + 1)
        assert len(np.unique(fine)) == k + 1
        assert len(np.unique(coarse * (k + 1) + fine)) == k + 1


def test_one_sample_has_a_weighed_tree():
    alone = merge_tree(np.zeros((1, 2), np.float32), size_exponent=0.0)
    assert alone.weighed_by_size(1.0, -0.25).cut(1).tolist() == [0]


def test_a_common_cut_gives_each_tree_the_clusters_that_cost_most():
    x, source, fine = planted([3, 1, 2], spread=8.0)
    groups = source.rows_by_class()
    trees = [merge_tree(x[rows], size_exponent=0.0) for rows in groups]
    assert adjusted_rand_score(fine, cut_at_common_cost(trees, groups, 6)) == 1
    assert cut_at_common_cost(trees, groups, 3).tolist() == source.labels.tolist()
    assert cut_at_common_cost(trees, groups, 1).tolist() == source.labels.tolist()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("known", ["each", "total", "nothing"])
def test_planted_counts_and_classes_come_back(seed, known):
    counts = [2, 5, 3]
    x, source, fine = planted(counts, per_fine=40, seed=seed)
    settings = {"n_fine": 10} if known == "total" else {}
    if known == "each":
        settings = {"n_fine_per_coarse": {f"c{q}": k for q, k in enumerate(counts)}}
    bounds = count_bounds(CountConfig.model_validate(settings), source)
    structure = find_structure(x, source, bounds, seed=seed)
    assert structure.counts.n_fine.tolist() == counts
    assert adjusted_rand_score(fine, structure.fine) > 0.95


@pytest.mark.parametrize("sizes", ["auto", "equal", "natural", "long tail"])
def test_whatever_is_said_of_sizes_well_separated_classes_come_back(sizes):
    x, source, fine = planted([2, 4, 1], per_fine=40, seed=1)
    bounds = count_bounds(CountConfig.model_validate({"n_fine": 7, "sizes": sizes}), source)
    structure = find_structure(x, source, bounds, seed=0)
    assert adjusted_rand_score(fine, structure.fine) > (0.5 if sizes == "equal" else 0.95)


def test_no_fine_class_has_fewer_samples_than_the_user_says():
    x, source, _ = planted([3, 2], per_fine=[60, 50, 6, 40, 5])
    for settings in ({}, {"n_fine": 4}, {"n_fine_per_coarse": {"c0": 2, "c1": 1}}):
        config = CountConfig.model_validate({**settings, "least_samples": 10})
        structure = find_structure(x, source, count_bounds(config, source), seed=0)
        assert np.bincount(structure.fine).min() >= 10
        assert structure.counts.n_fine.sum() == structure.fine.max() + 1
    many = CountConfig(n_fine_per_coarse={"c0": 2}, least_samples=70)
    with pytest.raises(ConfigError, match="least_samples = 70; give at most 1, or a smaller"):
        count_bounds(many, source)


def test_refusals_that_come_of_least_samples_name_it():
    _, source, fine = planted([3, 2], per_fine=20)
    total = CountConfig(n_fine=5, least_samples=40)
    with pytest.raises(ConfigError, match=r"at most 2 of at least 40 samples.*or least_samples"):
        count_bounds(total, source)
    with pytest.raises(ConfigError, match="hold at most 100; change n_fine or n_fine_per_coarse"):
        count_bounds(CountConfig(n_fine=101), source)
    other = LabelSource("farm", fine, tuple(f"farm {i}" for i in range(5)))
    with pytest.raises(ConfigError, match=r"^least_samples allows 1 fine classes in 'c0'"):
        count_bounds(CountConfig(least_samples=40), source, (other,))


@pytest.mark.parametrize("settings", [{"n_fine": 4}, {"n_fine_per_coarse": {"c0": 4}}])
def test_one_coarse_class_alone_is_split(settings):
    x, source, fine = planted([4], per_fine=[50, 20, 90, 40])
    bounds = count_bounds(CountConfig.model_validate(settings), source)
    structure = find_structure(x, source, bounds, seed=0)
    assert adjusted_rand_score(fine, structure.fine) > 0.95
    unknown = find_structure(x, source, count_bounds(CountConfig(), source), seed=0)
    assert unknown.counts.low[0] <= 4 <= unknown.counts.high[0]


def test_the_same_seed_gives_the_same_structure():
    x, source, _ = planted([2, 5, 3], per_fine=40, spread=2.0)
    bounds = count_bounds(CountConfig(), source)
    one, two = (find_structure(x, source, bounds, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.fine, two.fine)
    np.testing.assert_array_equal(one.counts.low, two.counts.low)
