"""Small parts of a run: sampling, the map, devices, records, and the structure at rest."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.errors import DeviceError
from falcon_svc.pipeline import sample
from falcon_svc.pipeline.device import choose_device
from falcon_svc.pipeline.layout import LEAST_POINTS, MAX_POINTS, draw_map
from falcon_svc.pipeline.outcome import _count_records
from falcon_svc.pipeline.record import Recorder, peak_rss_bytes, versions
from falcon_svc.pipeline.sample import structure_rows
from falcon_svc.progress import Silent
from falcon_svc.types import LabelSource


def source_of(sizes: list[int], unlabelled: int = 0) -> LabelSource:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    labels = np.concatenate([labels, np.full(unlabelled, -1)]).astype(np.int64)
    return LabelSource("coarse", labels, tuple(f"c{q}" for q in range(len(sizes))))


def rows_of(source: LabelSource, **known: int) -> np.ndarray:
    bounds = count_bounds(CountConfig(n_fine_per_coarse=known), source)
    return structure_rows(source, bounds, seed=0)


def test_small_data_are_taken_whole_without_the_unlabelled():
    source = source_of([30, 50], unlabelled=7)
    np.testing.assert_array_equal(rows_of(source), np.arange(80))


def test_large_data_are_sampled_evenly_but_small_classes_whole(monkeypatch):
    monkeypatch.setattr(sample, "MAX_ROWS", 1_000)
    source = source_of([5_000, 4_950, 50])
    rows = rows_of(source)
    assert np.bincount(source.labels[rows]).tolist() == [500, 495, 50]
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(rows, rows_of(source))


def test_a_class_with_many_known_fine_classes_keeps_enough_samples(monkeypatch):
    monkeypatch.setattr(sample, "MAX_ROWS", 1_000)
    source = source_of([5_000, 5_000])
    rows = rows_of(source, c0=40, c1=2)
    assert np.bincount(source.labels[rows]).tolist() == [800, 500]


def test_the_map_holds_labelled_samples_in_two_dimensions():
    source = source_of([20, 20], unlabelled=10)
    inputs = np.random.default_rng(0).standard_normal((50, 6)).astype(np.float32)
    rows, points, method = draw_map(inputs, source, seed=0)
    assert method == "pca"
    assert rows.tolist() == list(range(40))
    centred = inputs[:40] - inputs[:40].mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    np.testing.assert_allclose(np.abs(points), np.abs(centred @ axes.T), atol=1e-4)


def test_the_map_of_a_single_component_lies_on_a_line():
    source = source_of([5, MAX_POINTS])
    rows, points, _ = draw_map(np.ones((MAX_POINTS + 5, 1), np.float32), source, seed=0)
    assert points.shape == (MAX_POINTS, 2)
    assert len(set(rows.tolist())) == MAX_POINTS
    assert not points[:, 1].any()


def test_the_extra_lays_neighbors_side_by_side_and_the_same_for_a_seed():
    pytest.importorskip("openTSNE")
    rng = np.random.default_rng(0)
    group = np.arange(LEAST_POINTS) % 6
    inputs = (np.eye(6)[group] * 4 + rng.standard_normal((len(group), 6))).astype(np.float32)
    source = source_of([LEAST_POINTS // 2] * 2)
    told = list[float]()
    rows, points, method = draw_map(inputs, source, seed=3, on_share=told.append)
    assert method == "tsne"
    assert len(told) > 10 and told == sorted(told) and told[-1] == pytest.approx(1.0)
    assert len(rows) == LEAST_POINTS and points.shape == (LEAST_POINTS, 2)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(len(points))
    assert (group[apart.argmin(axis=1)] == group).mean() > 0.95
    assert np.array_equal(points, draw_map(inputs, source, seed=3).xy)


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    with pytest.raises(DeviceError, match="torch finds none"):
        choose_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == "cuda"
    assert choose_device("cpu") == "cpu"


class Listener(Silent):
    def __init__(self) -> None:
        self.told: list[object] = []

    def stage(self, name: str, total: int) -> None:
        self.told.append((name, total))

    def advance(self, done: int, metrics: object) -> None:
        self.told.append(done)


def test_stages_are_timed_and_steps_count_from_one_in_each_to_its_end():
    listener = Listener()
    recorder = Recorder(listener)
    for name in ("a", "b"):
        with recorder.stage(name, total=2):
            recorder.step()
    assert listener.told == [("a", 2), 1, 2, ("b", 2), 1, 2]
    assert [record.name for record in recorder.records()] == ["a", "b"]
    assert all(0 < r.peak_rss_bytes <= peak_rss_bytes() for r in recorder.records())


def test_a_stage_that_fails_is_not_recorded():
    recorder = Recorder(Silent())
    with pytest.raises(ZeroDivisionError), recorder.stage("a", total=0):
        raise ZeroDivisionError
    assert recorder.records() == ()


def test_versions_name_what_results_depend_on():
    found = versions()
    assert {"python", "falcon-svc", "torch", "numpy", "ortools"} <= set(found)
    assert json.loads(json.dumps(found)) == found


def test_intervals_hold_the_counts_that_training_ended_with():
    began = Counts(np.array([2, 2]), np.array([2, 2]), np.array([2, 3]), np.full(2, 0.1), 0.1, True)
    relation = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.bool_)
    bounds = count_bounds(CountConfig(n_fine=4), source_of([20, 20]))
    found = _count_records(began, bounds, relation)
    assert [(c.n_fine, c.low, c.high) for c in found] == [(3, 2, 3), (1, 1, 3)]
