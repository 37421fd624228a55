"""What is done for thousands of coarse classes at once equals what is done for each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.counts import total_stability
from falcon_svc.discovery.counts.split_measures import (
    Sides,
    dips,
    mean_log_ratios,
    nth_distances,
    own_shares,
    space_measures,
)
from falcon_svc.discovery.counts.total_stability import adjusted_rand_by_class, stability_curve
from falcon_svc.discovery.partition.balanced_kmeans import balanced_kmeans
from falcon_svc.discovery.partition.batched_kmeans import batched_kmeans, batches_of
from falcon_svc.discovery.partition.merge_tree import nested_means, ward_tree
from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.pipeline.size_notes import size_notes
from falcon_svc.types import LabelSource


def test_the_index_of_all_classes_is_that_of_each():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [1, 2, 30, 40, 20])
    one, two = rng.integers(0, 4, (2, len(labels)))
    two[labels == 3] = one[labels == 3] + 7  # the same partition under other names
    two[labels == 4] = 0
    source = LabelSource("coarse", labels, tuple("abcde"))
    want = [adjusted_rand_score(one[labels == q], two[labels == q]) for q in range(5)]
    np.testing.assert_allclose(adjusted_rand_by_class(one, two, source), want, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_ward_trees_are_cut_as_scipy_cuts_them(count):
    rows = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    want = fcluster(linkage(rows, "ward"), count, "maxclust")
    assert adjusted_rand_score(want, ward_tree(rows).cut(count)) == pytest.approx(1)


def test_a_single_row_is_a_tree_without_a_split():
    tree = ward_tree(np.zeros((1, 3), np.float32))
    assert tree.cut(1).tolist() == [0] and not len(tree.costs)


def test_nested_means_are_those_of_every_cut():
    rows = np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32)
    tree = ward_tree(rows)
    means, cuts = nested_means(tree, rows, 6)
    for count in range(1, 7):
        want = class_means(rows, tree.cut(count), count)
        got = means[cuts[count - 1]]
        np.testing.assert_allclose(np.sort(got, axis=0), np.sort(want, axis=0), atol=1e-6)


def blobs(k, *, per=20, dim=6, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, dim)) * spread
    x = np.repeat(centres, per, axis=0) + rng.normal(size=(k * per, dim))
    return x.astype(np.float32)


def test_batched_kmeans_is_as_good_as_the_librarys():
    sets = [blobs(6, seed=s, spread=1.0, per=10 + s) for s in range(6)]
    (batch,) = batches_of(sets[-3:], np.array([6] * 3), range(3))
    centres = batched_kmeans(batch, n_starts=8, seed=0)
    for x, own in zip(sets[-3:], centres, strict=True):
        inertia = ((x[:, None] - own) ** 2).sum(axis=2).min(axis=1).sum()
        assert inertia <= 1.02 * KMeans(6, n_init=8, random_state=0).fit(x).inertia_


def test_an_earlier_partition_is_one_more_start():
    x = blobs(8, per=12, spread=6.0)
    (batch,) = batches_of([x], np.array([8]), [0], [np.repeat(np.arange(8), 12)])
    centres = batched_kmeans(batch, n_starts=1, seed=3)[0]
    want = class_means(x, np.repeat(np.arange(8), 12), 8)
    np.testing.assert_allclose(np.sort(centres, axis=0), np.sort(want, axis=0), atol=1e-4)


def test_sets_in_a_batch_come_out_as_alone_whatever_the_number_of_threads(monkeypatch):
    sets = [blobs(3 + s % 2, per=10 + s % 5, seed=s) for s in range(12)]
    counts = np.array([3 + s % 2 for s in range(12)])
    together = balanced_kmeans(sets, counts, n_starts=4, seed=0)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for one, two in zip(together, balanced_kmeans(sets, counts, n_starts=4, seed=0), strict=True):
        np.testing.assert_array_equal(one, two)
    for q, own in enumerate(together):
        alone = balanced_kmeans(sets[q : q + 1], counts[q : q + 1], n_starts=4, seed=0)[0]
        assert adjusted_rand_score(own, alone) == pytest.approx(1)


def test_every_row_is_told_once():
    told = []
    sets = [blobs(3, seed=1), blobs(1), np.ones((5, 6), np.float32)]
    balanced_kmeans(sets, np.array([3, 1, 2]), n_starts=1, seed=0, on_rows=told.append)
    assert sum(told) == 60 + 20 + 5


def one_split(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 4)).astype(np.float32)
    order = rng.permutation(30)
    return x, Sides([order[:8], order[20:25]], [order[8:20], order[:20]], 30)


def test_measures_of_all_splits_are_those_of_each():
    x, sides = one_split()
    a, b = sides.masks()
    found = space_measures(x, a, b)
    for s, (own, other) in enumerate(zip(sides.a, sides.b, strict=True)):
        axis = x[own].mean(axis=0) - x[other].mean(axis=0)
        length = np.linalg.norm(axis)
        at = x[own] @ axis / length, x[other] @ axis / length
        assert found.gap[s] == pytest.approx(np.log(length / (at[0].std() + at[1].std())), abs=1e-4)
        scatter = [x[rows].var(axis=0).sum() for rows in (own, other)]
        noise = scatter[0] / len(own) + scatter[1] / len(other)
        assert found.apart[s] == pytest.approx(max(length**2 - noise, 1e-6), rel=1e-4)
        within = np.average(scatter, weights=[len(own), len(other)])
        assert found.within[s] == pytest.approx(within, rel=1e-4)


def test_distances_and_neighbors_of_all_splits_are_those_of_each():
    x, sides = one_split(1)
    a, b = sides.masks()
    distance = squareform(pdist(x))
    sister, own = nth_distances(distance, sides)
    ratio = mean_log_ratios(sister, own, sides)
    near = np.argsort(distance, axis=1)[:, 1:6]
    share = own_shares(near, a, b)
    for s, both in enumerate(zip(sides.a, sides.b, strict=True)):
        logs, shares = [], []
        for one, two in (both, both[::-1]):
            to = np.sort(distance[np.ix_(one, two)], axis=1)[:, 4]
            inside = np.sort(distance[np.ix_(one, one)], axis=1)
            logs.append(np.log(to / inside[:, min(5, len(one) - 1)]).mean())
            inside_node = np.isin(near[one], np.concatenate(both))
            hits = np.isin(near[one], one).sum() / inside_node.sum()
            shares.append(hits - len(one) / (len(one) + len(two)))
        assert ratio[s] == pytest.approx(np.mean(logs), abs=1e-6)
        assert share[s] == pytest.approx(np.mean(shares))


def test_dips_are_those_of_numpys_histogram():
    rng = np.random.default_rng(5)
    places = np.concatenate([rng.normal(size=(3, 40)), rng.normal(size=(3, 40)) + 6], axis=1)
    node = np.ones_like(places)
    node[1, :70] = 0
    for found, at, there in zip(dips(places, node), places, node > 0, strict=True):
        n_bins = int(np.clip(int(there.sum() ** 0.5) + 2, 6, 24))
        bins = np.convolve(np.histogram(at[there], n_bins)[0], [0.25, 0.5, 0.25], "same")
        left, right = np.maximum.accumulate(bins), np.maximum.accumulate(bins[::-1])[::-1]
        want = (np.minimum(left, right) - bins).max() / max(bins.max(), 1.0)
        assert found == pytest.approx(want)
    assert dips(np.zeros((1, 9)), np.ones((1, 9))) == pytest.approx(0)


def test_some_coarse_classes_stand_for_all(monkeypatch):
    x = np.concatenate([blobs(3, seed=s, spread=5.0) for s in range(12)])
    source = LabelSource("coarse", np.repeat(np.arange(12), 60), tuple("abcdefghijkl"))
    inside = x - class_means(x, source.labels, 12)[source.labels]
    whole = stability_curve(inside, source, seed=0)
    monkeypatch.setattr(total_stability, "MOST_COARSE", 6)
    some = stability_curve(inside, source, seed=0)
    best = some.totals[some.scores.argmax()]
    assert abs(np.log(best / whole.totals[whole.scores.argmax()])) < 0.3
    assert some.totals[-1] == whole.totals[-1]


def test_training_is_shortened_for_thousands_of_classes_only():
    config = TrainConfig()
    assert config.for_data(10_000, 1_000, 100) == config
    assert config.for_data(20_000, 1_000, 100).epochs == 10
    many = config.for_data(18_000, 6_000, 2_000)
    assert (many.epochs, many.solve_every) == (1, 120)
    assert config.for_data(18_000, 900, 300).epochs == 11
    free = config.model_copy(update={"most_sample_steps": None})
    assert free.for_data(180_000, 6_000, 2_000).epochs == 20


def test_what_was_shortened_is_told():
    config = TrainConfig()
    assert not size_notes(config, 20_000, 1_000, 100, counted=True)
    assert not size_notes(config, 18_000, 900, 300, counted=True)
    notes = size_notes(config, 18_000, 6_000, 2_000, counted=True)
    assert {note.code for note in notes} == {"thousands_of_classes"}
    assert "1 epoch, where few would get 11" in notes[0].text
    assert "300 of the 2,000" in notes[1].text
    assert len(size_notes(config, 18_000, 6_000, 2_000, counted=False)) == 1
