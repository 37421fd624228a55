"""The count posterior: evidence, distributions, the shift, intervals and verdicts."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.special import expit

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.choice import choose_total, total_estimate
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.posterior import (
    SHIFTS,
    CountPosterior,
    Shift,
    count_posterior,
    quantile,
    root_shift,
    shift_posterior,
)
from falcon_svc.discovery.counts.split_evidence import (
    LEAST_ROWS,
    MOST_ROWS,
    NAMES,
    sample_for_evidence,
    split_trees,
)
from falcon_svc.discovery.counts.split_model import ScoredTree, SplitModel, hinges, split_model
from falcon_svc.discovery.counts.total_stability import (
    GaussianTwins,
    StabilityCurve,
    candidate_totals,
    stability_curve,
)
from falcon_svc.discovery.structure import find_structure
from falcon_svc.result.record import CountEstimate
from falcon_svc.types import LabelSource
from tests.discovery.test_structure_laws import planted

TREE = ScoredTree(
    np.array([[1, 2], [3, 4], [-1, -1], [-1, -1], [-1, -1]]),
    np.array([1.0, -0.5, -np.inf, -np.inf, -np.inf]),
)
"""A root whose smaller side may be split again."""


def brute_distribution(tree, shift, root_shift, most):
    """Sum the probabilities of all 2^S ways to decide every node."""
    found = np.zeros(most)
    nodes = np.flatnonzero(tree.children[:, 0] >= 0)
    for decided in product([0, 1], repeat=len(nodes)):
        split = dict(zip(nodes.tolist(), decided, strict=True))
        chance, waiting, leaves = 1.0, [0], 0
        for node, is_split in split.items():
            p = expit(tree.logits[node] + (shift if node else root_shift))
            chance *= p if is_split else 1 - p
        while waiting:
            node = waiting.pop()
            if split.get(node):
                waiting += tree.children[node].tolist()
            else:
                leaves += 1
        found[leaves - 1] += chance
    return found


def random_tree(seed, n_leaves=6):
    rng = np.random.default_rng(seed)
    children, logits = [[-1, -1]], [-np.inf]
    while children.count([-1, -1]) < n_leaves:
        node = int(rng.choice([i for i, pair in enumerate(children) if pair[0] < 0]))
        children[node], logits[node] = [len(children), len(children) + 1], rng.normal()
        children += [[-1, -1], [-1, -1]]
        logits += [-np.inf, -np.inf]
    return ScoredTree(np.array(children), np.array(logits))


@pytest.mark.parametrize("seed", range(8))
def test_the_distribution_equals_the_sum_over_all_decisions(seed):
    tree = random_tree(seed)
    found = tree.count_distributions(np.array([0.3, -1.0]), np.array([-0.7, 2.0]), 8)
    np.testing.assert_allclose(found[0], brute_distribution(tree, 0.3, -0.7, 8), atol=1e-12)
    np.testing.assert_allclose(found[1], brute_distribution(tree, -1.0, 2.0, 8), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_the_distribution_by_hand_and_its_tail():
    p, q = expit(1.0), expit(-0.5)
    by_hand = [1 - p, p * (1 - q), p * q]
    none = np.zeros(1)
    np.testing.assert_allclose(TREE.count_distributions(none, none, 3), [by_hand])
    np.testing.assert_allclose(TREE.count_distributions(none, none, 2), [[1 - p, p]])


def test_a_larger_shift_never_makes_fewer_classes_likelier():
    below = np.cumsum(random_tree(3).count_distributions(SHIFTS, SHIFTS, 8), axis=1)
    assert (np.diff(below, axis=0) <= 1e-12).all()


def test_quantiles_are_the_least_counts_that_reach_the_share():
    table = np.array([[0.05, 0.45, 0.5], [1.0, 0.0, 0.0]])
    assert quantile(table, 0.05).tolist() == [1, 1]
    assert quantile(table, 0.5).tolist() == [2, 1]
    assert quantile(table, 0.95).tolist() == [3, 1]


def test_roots_follow_what_the_other_coarse_classes_do():
    leaf = ([-1, -1], -np.inf)

    def with_root(logit):
        return (ScoredTree(np.array([[1, 2], leaf[0], leaf[0]]), np.array([logit, -9, -9])),)

    assert root_shift([with_root(-3.0)] * 40) < -1
    assert root_shift([with_root(3.0)] * 40) > 1
    assert abs(root_shift([with_root(3.0), with_root(-3.0)] * 20)) < 0.2


def curve(totals, scores):
    return StabilityCurve(np.array(totals), np.array(scores, np.float32), 0.01)


def test_stability_moves_the_shift_to_the_totals_it_speaks_for():
    by_shift = np.zeros((len(SHIFTS), 2, 20))
    by_shift[np.arange(len(SHIFTS)), :, np.arange(len(SHIFTS)).clip(0, 19)] = 1.0  # 1 .. 20 each
    weights = {"square": 0.0, "linear": 0.0, "stability": 3.0, "stability_drop": 1.0}
    found = shift_posterior(by_shift, curve([2, 10, 40], [0.0, 0.9, 0.1]), weights)
    assert found.sum() == pytest.approx(1)
    assert abs(int((by_shift @ np.arange(1, 21)).sum(axis=1)[found.argmax()]) - 10) <= 2


def test_a_posterior_at_a_total_expects_that_total():
    tree = random_tree(1, n_leaves=12)
    by_shift = np.repeat(tree.count_distributions(SHIFTS, SHIFTS, 12)[:, None], 3, axis=1)
    weight = np.full(len(SHIFTS), 1 / len(SHIFTS))
    found = CountPosterior(by_shift, lambda: Shift(weight, curve([4, 9], [0.1, 0.2])))
    expected = (found.at_total(12) @ np.arange(1, 13)).sum()
    assert expected == pytest.approx(12, abs=1.5)
    below = found.total_probability(np.arange(3, 60))
    assert (np.diff(below) >= 0).all() and below[-1] == pytest.approx(1, abs=1e-6)


def nearest_by_loop(rows, row, both):
    others = (other for other in both if other != row)
    return sorted(others, key=lambda other: ((rows[other] - rows[row]) ** 2).sum())[:10]


def own_share_by_loop(rows, a, b):
    share = 0.0
    both = np.concatenate([a, b])
    for side in (a, b):
        near = [np.isin(i, side) for row in side for i in nearest_by_loop(rows, row, both)]
        share += np.mean(near) - len(side) / len(both)
    return share / 2


def test_the_evidence_of_a_split_by_hand():
    x, source, fine = planted([2, 1], per_fine=12, dim=3, spread=9.0)
    (tree, _), _ = split_trees(x, source)
    root = dict(zip(NAMES, tree.evidence[0], strict=True))
    a, b = (tree.rows[child] for child in tree.children[0])
    assert {frozenset(fine[a].tolist()), frozenset(fine[b].tolist())} == {
        frozenset([0]),
        frozenset([1]),
    }
    assert root["log_small"] == pytest.approx(np.log(12))
    assert root["log_n"] == pytest.approx(np.log(24))
    unit = x - x.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    axis = unit[a].mean(axis=0) - unit[b].mean(axis=0)
    length = np.linalg.norm(axis)
    spread = (unit[a] @ axis / length).std() + (unit[b] @ axis / length).std()
    assert root["gap_directions"] == pytest.approx(np.log(length / spread), abs=1e-3)
    assert root["own_directions"] == pytest.approx(own_share_by_loop(unit, a, b), abs=1e-3)
    assert root["to_root"] == 0
    assert root["dip"] > 0.3


def test_evidence_does_not_depend_on_units_or_on_the_order_of_rows():
    x, source, _ = planted([3, 2], per_fine=20, dim=5, spread=3.0)
    order = np.random.default_rng(0).permutation(len(x))
    moved = LabelSource("coarse", source.labels[order], source.names)
    plain = split_trees(x, source)
    for other in (split_trees(7 * x, source), split_trees(x[order], moved)):
        for group, same in zip(plain, other, strict=True):
            for tree, again in zip(group, same, strict=True):
                np.testing.assert_allclose(tree.evidence[0], again.evidence[0], atol=2e-2)


def test_small_sides_are_no_split_and_trees_name_every_row_of_their_root():
    x, source, _ = planted([3, 1, 2], per_fine=[20, 3, 9, 5, 2, 40])
    for rows, trees in zip(source.rows_by_class(), split_trees(x, source), strict=True):
        for tree in trees:
            assert set(tree.rows[0].tolist()) <= set(rows.tolist())
            for pair in tree.children[tree.children[:, 0] >= 0]:
                small, large = (len(tree.rows[child]) for child in pair)
                assert LEAST_ROWS <= small <= large
    assert (split_trees(x, source)[2][0].children >= 0).any()
    one = split_trees(x, source, least_rows=30)[0][0]
    assert (one.children < 0).all()


def test_a_tree_splits_where_ward_does():
    x, source, _ = planted([4], per_fine=30, spread=9.0)
    tree = split_trees(x, source)[0][1]
    sizes = sorted(len(tree.rows[child]) for child in tree.children[0])
    assert sum(sizes) == 120 and sizes[0] % 30 == 0
    assert linkage(x, "ward")[-1, 3] == 120


def test_the_sample_for_evidence_is_capped_per_coarse_class():
    labels = np.repeat([0, 1], [MOST_ROWS + 100, 30]).astype(np.int64)
    rows = sample_for_evidence(LabelSource("coarse", labels, ("a", "b")), seed=0)
    assert np.bincount(labels[rows]).tolist() == [MOST_ROWS, 30]
    assert (np.diff(rows) > 0).all()


def test_logits_are_the_mean_of_both_regressions_of_clipped_evidence():
    model = split_model()
    rows = np.random.default_rng(0).normal(size=(5, len(NAMES))) * 9
    clipped = np.clip(rows, model.low, model.high)
    parts = [
        (columns - r.mean) / r.scale @ r.weight + r.intercept
        for r, columns in (
            (model.linear, clipped),
            (model.hinged, hinges(clipped, model.knots)),
        )
    ]
    np.testing.assert_allclose(model.logits(rows), np.mean(parts, axis=0))
    again = SplitModel.from_document(model.document())
    np.testing.assert_array_equal(again.logits(rows), model.logits(rows))


def test_candidate_totals_start_above_the_coarse_classes_and_end_where_rows_do():
    totals = candidate_totals(np.array([80, 80]))
    assert totals[0] == 3 and totals[-1] == 20
    assert candidate_totals(np.array([3, 2])).tolist() == [3]


def test_a_gaussian_twin_has_the_covariance_of_its_class():
    x, source, _ = planted([3], per_fine=700, dim=3)
    noise = GaussianTwins(x, source.rows_by_class()).drawn(np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(noise.T), np.cov(x.T), rtol=0.3, atol=3)


def test_stability_is_best_at_the_planted_total_and_nothing_for_noise():
    x, source, _ = planted([4, 4, 4], per_fine=30, spread=4.0)
    inside = x - np.stack([x[rows].mean(axis=0) for rows in source.rows_by_class()])[source.labels]
    found = stability_curve(inside, source, seed=0)
    assert abs(int(found.totals[found.scores.argmax()]) - 12) <= 2
    assert found.scores.max() > 0.3
    noise = np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    assert np.abs(stability_curve(noise, source, seed=0).scores).max() < 0.15


def posterior(x, source, **settings):
    bounds = count_bounds(CountConfig.model_validate(settings), source)
    found = count_posterior(x, source, bounds.low, bounds.high, least_samples=1, seed=0)
    return bounds, found


def nobody(whole):
    pytest.fail(f"sizes do not look equal here, but {whole.totals} were to be judged")


def test_what_the_user_knows_is_certain_and_the_rest_is_not():
    x, source, _ = planted([3, 2, 1], per_fine=30, spread=2.0)
    bounds, found = posterior(x, source, n_fine_per_coarse={"c0": 4, "c1": [2, 3]})
    assert found.counts[0, 3] == pytest.approx(1)
    assert found.counts[1, 1:3].sum() == pytest.approx(1)
    choice = choose_total(np.bincount(source.labels), bounds, found, judge=nobody)
    assert choice.estimated
    total = total_estimate(found, choice.n_fine)
    assert total.low <= choice.n_fine <= total.high
    counts = find_structure(x, source, bounds, seed=0).counts
    assert counts.n_fine[0] == counts.low[0] == counts.high[0] == 4
    assert 2 <= counts.n_fine[1] <= 3


def test_the_total_has_an_interval_a_curve_and_a_runner_up():
    x, source, _ = planted([3, 2, 4], per_fine=25, spread=1.2)
    _, found = posterior(x, source)
    total = total_estimate(found, 9)
    assert total.low < 9 <= total.high
    assert total.probability.sum() == pytest.approx(1, abs=1e-5)
    assert (np.diff(total.totals) > 0).all()
    assert total.runner_up is None or not 9 / 1.2 <= total.runner_up <= 9 * 1.2


@pytest.mark.parametrize("kind", ["gaussian", "skewed", "heavy", "uniform"])
def test_noise_is_one_class_and_never_clear(kind):
    rng = np.random.default_rng(4)
    draw = {
        "gaussian": rng.standard_normal,
        "skewed": rng.standard_exponential,
        "heavy": lambda size: rng.standard_t(3, size),
        "uniform": rng.random,
    }[kind]
    scale = np.exp(-np.arange(16) / 6)
    labels = np.repeat(np.arange(6), 120).astype(np.int64)
    x = (draw((720, 16)) * scale + 3 * np.eye(16)[labels]).astype(np.float32)
    source = LabelSource("coarse", labels, tuple("abcdef"))
    counts = find_structure(x, source, count_bounds(CountConfig(), source), seed=0).counts
    assert (counts.n_fine > 1).sum() <= 1
    assert counts.low.tolist() == [1] * 6


def test_verdicts_follow_the_chance_of_one_class():
    def verdict(whole):
        return CountEstimate(0, 2, 1, 3, "estimated", whole).verdict

    assert [verdict(w) for w in (0.01, 0.2, 0.7, None)] == [
        *("clear", "weak", "no better than chance", ""),
    ]


def test_the_estimate_is_what_costs_least_where_a_class_too_few_costs_twice():
    rng = np.random.default_rng(0)
    counts = rng.dirichlet(np.full(12, 0.7), size=60)
    counts[:3] = 0
    counts[0, :2], counts[1, :4], counts[2, 6] = (0.5, 0.5), (0.1, 0.3, 0.2, 0.4), 1
    shift = Shift(np.ones(1), StabilityCurve(np.array([1]), np.zeros(1, np.float32), 0.1))
    value = np.arange(1, 13)

    bounds = count_bounds(CountConfig(), LabelSource("coarse", np.zeros(100, int), ("bird",)))

    def dearness(guess, row):
        return (row * np.where(value > guess, 2 * (value - guess), guess - value)).sum()

    for row in counts:
        found = CountPosterior(row[None, None], lambda: shift)
        cheapest = min(value, key=lambda guess, row=row: dearness(guess, row))
        wanted = 1 if row[0] >= 0.5 else max(cheapest, row.argmax() + 1)
        assert choose_total(np.array([100]), bounds, found, pytest.fail).n_fine == wanted


def test_a_given_total_is_supported_up_to_half_way_from_the_estimate_on_a_scale_of_ratios():
    counts = np.eye(12)[[3]]
    shift = Shift(np.ones(1), StabilityCurve(np.array([1]), np.zeros(1, np.float32), 0.1))
    source = LabelSource("coarse", np.zeros(100, int), ("bird",))

    def supported(**told):
        bounds = count_bounds(CountConfig.model_validate(told), source)
        found = CountPosterior(counts[None], lambda: shift)
        return choose_total(np.array([100]), bounds, found, pytest.fail).supported

    assert supported(n_fine=9) == 6
    assert supported(n_fine=5) == 4
    assert supported(n_fine=4) is supported(n_fine=3) is supported() is None
    assert supported(n_fine=9, sizes="equal") is None
