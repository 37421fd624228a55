"""Baselines: perfect where fine classes are far apart, sensible where classes are tiny."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.bench import baselines
from falcon_svc.bench.baselines import TooLargeError, per_class, proportional_counts
from falcon_svc.bench.set_name import SetName
from falcon_svc.metrics import accuracy_score
from falcon_svc.types import LabelSource
from tests.bench.sets import FINE_PER_COARSE, save_separated


@pytest.fixture(scope="module")
def separated(tmp_path_factory):
    return SetName.parse(str(save_separated(tmp_path_factory.mktemp("set") / "a.npz"))).load()


@pytest.mark.parametrize("view", ["raw", "L2"])
@pytest.mark.parametrize(
    "cluster", [baselines.kmeans, baselines.ward, baselines.spectral, baselines.hdbscan(5)]
)
def test_separated_classes_are_found_exactly(separated, cluster, view):
    source = separated.dataset.coarse
    fine = per_class(separated.view(view), source, separated.true_counts, cluster, 0)
    assert accuracy_score(separated.truth, fine) == 1.0
    assert len(np.unique(fine)) == sum(FINE_PER_COARSE)


def test_fine_ids_differ_between_coarse_classes(separated):
    source = separated.dataset.coarse
    fine = per_class(separated.features, source, separated.true_counts, baselines.kmeans, 0)
    parents = [set(source.labels[fine == i].tolist()) for i in range(fine.max() + 1)]
    assert all(len(found) == 1 for found in parents)


def test_rows_without_a_label_are_left_out():
    x = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    source = LabelSource("coarse", np.repeat([-1, 0, 1], 4), ("a", "b"))
    fine = per_class(x, source, np.array([2, 1]), baselines.kmeans, 0)
    assert (fine[:4] == -1).all()
    assert set(fine[4:].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    "cluster", [baselines.kmeans, baselines.ward, baselines.spectral, baselines.hdbscan(5)]
)
def test_a_single_sample_is_a_class(cluster):
    assert cluster(np.ones((1, 2), np.float32), 1, 0).tolist() == [0]


def test_noise_joins_the_nearest_clustered_sample():
    rows = np.array([[0.0], [1.0], [9.0], [10.0]], np.float32)
    ids = baselines.noise_joined(rows, np.array([0, -1, -1, 1]))
    assert ids.tolist() == [0, 0, 1, 1]
    assert baselines.noise_joined(rows, np.full(4, -1)).tolist() == [0, 0, 0, 0]


def test_a_class_beyond_memory_is_refused(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_ROWS", 3)
    with pytest.raises(TooLargeError, match="4 samples"):
        baselines.ward(np.zeros((4, 2), np.float32), 2, 0)


@pytest.mark.parametrize(
    ("sizes", "total", "wanted"),
    [((100, 200, 300), 6, [1, 2, 3]), ((1, 1000), 10, [1, 9]), ((2, 2), 4, [2, 2])],
)
def test_proportional_counts(sizes, total, wanted):
    assert proportional_counts(np.array(sizes), total).tolist() == wanted


def test_proportional_counts_add_up_and_fit():
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = rng.integers(1, 40, rng.integers(2, 9))
        total = int(rng.integers(len(sizes), sizes.sum() + 1))
        counts = proportional_counts(sizes, total)
        assert counts.sum() == total
        assert (counts >= 1).all()
        assert (counts <= sizes).all()
