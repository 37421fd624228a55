"""Which total, where the sizes of coarse classes look like those of equal fine classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.total_stability import StabilityCurve, halves
from falcon_svc.discovery.counts.whole_totals import WholeTotals, even_stability, whole_totals
from falcon_svc.discovery.partition.balanced_kmeans import rebalanced
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.discovery.structure import StructureWork, find_structure
from falcon_svc.progress import THOUSANDTHS
from falcon_svc.types import LabelSource
from tests.discovery.test_structure_laws import planted


def whole_of(sizes, least, most):
    totals = np.arange(least, most + 1)
    return whole_totals(np.array(sizes), totals, np.zeros(len(totals)))


def test_whole_totals_are_multiples_of_the_least_and_bigger_ones_a_coincidence():
    sizes = np.array([4, 2, 3, 1, 5, 2, 6, 3]) * 100
    found = whole_of(sizes, 20, 80)
    assert found.totals.tolist() == [26, 52, 78]
    assert found.counts[0].tolist() == [4, 2, 3, 1, 5, 2, 6, 3]
    assert (found.counts.sum(axis=1) == found.totals).all()
    # six different counts: all even by chance of 2 ** -5
    assert found.log_prior[0] - found.log_prior[1] == pytest.approx(5 * np.log(2))


def test_where_all_coarse_classes_are_of_one_size_no_total_is_a_coincidence():
    found = whole_of([600] * 20, 30, 130)
    assert found.totals.tolist() == [40, 60, 80, 100, 120]
    assert np.ptp(found.log_prior) == 0


def test_sizes_that_share_nothing_have_no_whole_total():
    sizes = np.random.default_rng(0).integers(80, 900, 12)
    assert len(whole_of(sizes, 20, 60).totals) == 0


def test_the_best_total_weighs_prior_and_stability():
    whole = WholeTotals(np.array([10, 20]), np.ones((2, 1), np.int64), np.array([2.0, 0.0]))

    def best(scores):
        return whole.best(StabilityCurve(whole.totals, np.array(scores, np.float32), 0.01))

    assert best([0.48, 0.51]) == 10  # three quarters of an error
    assert best([0.40, 0.51]) == 20


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_parts_are_most_stable_at_the_planted_total(seed):
    x, source, _ = planted([4] * 6, per_fine=30, spread=2.5, seed=seed)
    inside = x - np.stack([x[rows].mean(axis=0) for rows in source.rows_by_class()])[source.labels]
    whole = whole_of(np.bincount(source.labels), 12, 48)
    assert {18, 24, 30} <= set(whole.totals.tolist())
    curve = even_stability(inside, source, whole, seed=0, pieces=Pieces())
    assert whole.best(curve) == 24
    again = even_stability(inside, source, whole, seed=0, pieces=Pieces())
    np.testing.assert_array_equal(curve.scores, again.scores)


def test_halves_that_see_well_apart_blobs_agree_wholly():
    x, source, fine = planted([3, 3], per_fine=24, spread=40.0)
    inside = x - np.stack([x[rows].mean(axis=0) for rows in source.rows_by_class()])[source.labels]
    whole = WholeTotals(np.array([6]), np.array([[3, 3]]), np.zeros(1))
    curve = even_stability(inside, source, whole, seed=0, pieces=Pieces())
    half = halves(source.labels, np.random.default_rng(0))
    parts = rebalanced([inside[half]], np.array([6]), [fine[half]])[0]
    assert adjusted_rand_score(fine[half], parts) == 1.0
    assert 0.3 < float(curve.scores[0]) <= 1.0  # 1 less what noise of this covariance reaches


def test_rebalanced_parts_are_of_equal_size_and_keep_what_is_equal():
    x = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    lopsided = (np.arange(90) >= 60).astype(np.int64) + (np.arange(90) >= 80)
    found = rebalanced([x], np.array([3]), [lopsided])[0]
    assert np.bincount(found).min() >= 24
    blobs = np.repeat(np.arange(3), 30)
    centres = 50 * np.eye(4, dtype=np.float32)[blobs]
    np.testing.assert_array_equal(rebalanced([x + centres], np.array([3]), [blobs])[0], blobs)


def test_nothing_given_finds_the_total_of_equal_classes_and_resumes_to_the_same_bits():
    x, source, _ = planted([5] * 8, per_fine=24, spread=2.0)
    bounds = count_bounds(CountConfig(), source)
    kept: dict[str, dict[str, np.ndarray]] = {}

    class Shelf:
        def find(self, piece):
            return kept.get(piece)

        def keep(self, piece, arrays):
            kept[piece] = arrays

    told = list[int]()
    pieces = Pieces(lambda done, _: told.append(done), Shelf())
    first = find_structure(x, source, bounds, seed=0, pieces=pieces)
    assert told == sorted(set(told)) and told[-1] == THOUSANDTHS
    assert first.counts.n_fine.tolist() == [5] * 8
    assert [name for name in kept if name.startswith("even-")]
    for name in [name for name in kept if name not in ("evidence-0", "even-0")]:
        del kept[name]
    again = find_structure(x, source, bounds, seed=0, pieces=Pieces(kept=Shelf()))
    np.testing.assert_array_equal(first.fine, again.fine)


def test_noise_in_coarse_classes_of_one_size_stays_whole():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 60).astype(np.int64)
    x = (rng.standard_normal((600, 16)) + 4 * np.eye(16)[labels]).astype(np.float32)
    source = LabelSource("coarse", labels, tuple("abcdefghij"))
    found = find_structure(x, source, count_bounds(CountConfig(), source), seed=0)
    assert found.counts.n_fine.tolist() == [1] * 10


def test_more_coarse_classes_than_are_looked_at_are_judged_by_some(monkeypatch):
    monkeypatch.setattr("falcon_svc.discovery.counts.total_stability.MOST_COARSE", 4)
    x, source, _ = planted([3] * 10, per_fine=20, spread=3.0)
    work = StructureWork(x, source, count_bounds(CountConfig(), source), 0, Pieces())
    assert work.choice(work.posterior()).n_fine == 30
