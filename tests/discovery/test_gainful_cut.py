"""Cuts by expected gain against all cuts of small trees, and where a total is too large."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.partition.gainful_cut import (
    CLASS_WEIGHT,
    GainfulCuts,
    gain_table,
    gainful_cuts,
    split_gains,
)
from falcon_svc.discovery.partition.merge_tree import MergeTree, merge_tree
from falcon_svc.discovery.structure import find_structure
from falcon_svc.types import LabelSource


def tree_of(seed: int, n_rows: int = 9) -> MergeTree:
    rows = np.random.default_rng(seed).normal(size=(n_rows, 2)).astype(np.float32)
    return merge_tree(rows, size_exponent=0.0)


def all_cuts(tree: MergeTree, gains) -> dict[int, float]:
    """Best gain by number of clusters, over all sets of splits that lie under one another."""
    above = {t: merge for merge, sides in enumerate(tree.below()) for t in sides if t is not None}
    may = [t for t in range(len(gains)) if np.isfinite(gains[t])]
    best: dict[int, float] = {}
    for size in range(len(may) + 1):
        for chosen in combinations(may, size):
            if all(above[t] in chosen for t in chosen if above.get(t) in may):
                total = sum(gains[t] for t in chosen)
                best[size + 1] = max(best.get(size + 1, -np.inf), total)
    return best


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("least", [1, 2])
def test_the_best_of_all_cuts_is_found(seed, least):
    tree = tree_of(seed)
    gains = np.random.default_rng(seed).normal(size=8)
    gains[tree.smaller_sides() < least] = -np.inf
    cuts = GainfulCuts.of(tree, gains, most=9)
    expected = all_cuts(tree, gains)
    assert cuts.gains == pytest.approx([expected[k] for k in sorted(expected)])
    for k in expected:
        labels = cuts.cut(k)
        assert sorted(set(labels.tolist())) == list(range(k))
        assert np.bincount(labels).min() >= least


def test_a_cut_gains_what_its_splits_gain():
    tree = tree_of(7)
    cuts = GainfulCuts.of(tree, np.arange(8.0), most=9)
    for k in range(1, 10):
        labels = cuts.cut(k)
        undone = [
            merge
            for merge, pair in enumerate(tree.merges.tolist())
            if len({labels[tree.group == group][0] for group in pair}) == 2
        ]
        assert sum(undone) == pytest.approx(cuts.gains[k - 1])


def test_gains_of_a_split():
    """Three rows and one: the upper split leaves 1 of 4, the lower ones 1 of 2 and 1 of 3."""
    merges = np.array([[0, 1], [0, 2], [0, 3]])
    tree = MergeTree(np.arange(4), merges, np.array([1.0, 1.0, 3.0], np.float32))
    gains = split_gains(tree, usual=2.0, even_cost=1.0)
    for gain, right, share in zip(gains, (0.5, 0.5, 0.75), (1 / 2, 1 / 3, 1 / 4), strict=True):
        won, lost = 0.5 + CLASS_WEIGHT, 0.5 + CLASS_WEIGHT * share
        assert gain == pytest.approx(right * won - (1 - right) * lost)
    assert np.isneginf(split_gains(tree, 2.0, 1.0, least=2)).all()
    short = MergeTree(np.arange(4), merges, np.array([3.0], np.float32))
    assert np.isneginf(split_gains(short, 2.0, 1.0)).tolist() == [True, True, False]


def test_a_surplus_split_parts_few_samples_and_halves_nothing():
    """Two halves of 20 and a pair beside 18: of equal costs the pair goes first, beyond doubt."""
    group = np.repeat(np.arange(5), [20, 20, 18, 2, 40])
    merges = np.array([[0, 1], [2, 3], [0, 2], [0, 4]])
    tree = MergeTree(group, merges, np.array([1.0, 1.0, 5.0, 9.0], np.float32))
    [cuts] = gainful_cuts([tree], n_fine=4, supported=3, most=4, least=1)
    assert sorted(np.bincount(cuts.cut(4)).tolist()) == [2, 18, 40, 40]


def test_a_single_group_is_one_cluster():
    alone = MergeTree(np.zeros(3, np.int64), np.zeros((0, 2), np.int64), np.zeros(0, np.float32))
    [cuts, other] = gainful_cuts([alone, tree_of(1)], n_fine=3, supported=2, most=3, least=1)
    assert cuts.cut(2).tolist() == [0, 0, 0]
    assert np.isneginf(gain_table([cuts, other])[0]).tolist() == [False, True, True]


@pytest.mark.parametrize("seed", [0, 5, 7])
def test_a_total_of_clear_classes_is_cut_as_the_votes_say(seed):
    """The evidence of small classes falls short of the total; each of them is plain to see."""
    rng = np.random.default_rng(seed)
    fine, coarse = np.repeat(np.arange(6), [40, 10, 25, 15, 15, 30]), [0, 0, 1, 2, 2, 2]
    x = 5.0 * rng.normal(size=(6, 5))[fine] + rng.normal(size=(len(fine), 5))
    source = LabelSource("coarse", np.array(coarse)[fine], ("a", "b", "c"))
    bounds = count_bounds(CountConfig(n_fine=6), source)
    found = find_structure(x.astype(np.float32), source, bounds, seed=0)
    assert adjusted_rand_score(fine, found.fine) > 0.95
