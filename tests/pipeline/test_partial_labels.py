"""Samples without a label, of several classes, and data sets of one coarse class, end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from falcon_svc.config import make_config
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.samples import FrozenFeatures
from falcon_svc.discovery.training.setup import TrainInputs, first_head, make_state
from falcon_svc.metrics import accuracy_score
from falcon_svc.pipeline.discover import discover, discover_to
from falcon_svc.result.files import read_discovery
from falcon_svc.types import LabelSource, Neighbors
from tests.discoveries import pretend_dataset
from tests.discovery.planted import planted as planted_heads
from tests.discovery.test_structure_laws import planted

CONFIG = {"counts": {"n_fine": 9}}


@pytest.fixture(scope="module")
def blobs():
    x, source, fine = planted([2, 4, 3], per_fine=30)
    return pretend_dataset(x, source.labels), fine


def relabelled(dataset, labels, several=None):
    source = replace(dataset.coarse, labels=labels, several=several or {})
    return replace(dataset, sources=(source,), digest="ab" * 32)


def test_unlabelled_samples_are_assigned_and_shift_no_size(blobs):
    dataset, fine = blobs
    labels = dataset.coarse.labels.copy()
    labels[fine == 3] = -1  # a fine class that nobody labelled
    labels[::10] = -1
    found = discover(relabelled(dataset, labels), make_config({"counts": {"n_fine": 8}})).discovery
    known = labels >= 0
    assert accuracy_score(fine[known], found.assignments.fine[known]) == 1.0
    plain = ~known & (fine != 3)
    assert accuracy_score(fine[plain], found.assignments.fine[plain]) == 1.0
    assert np.array_equal(found.sources[0].labels, labels)


def test_samples_of_two_classes_find_their_own_and_come_back_from_the_files(blobs, tmp_path):
    dataset, fine = blobs
    labels, rows = dataset.coarse.labels.copy(), np.arange(0, 270, 7)
    pairs = [tuple(sorted((int(q), int(q + 1) % 3))) for q in labels[rows]]
    labels[rows] = -1
    several = dict(zip(rows.tolist(), pairs, strict=True))
    found = discover_to(tmp_path / "out", relabelled(dataset, labels, several), make_config(CONFIG))
    assert accuracy_score(fine, found.assignments.fine) == 1.0
    parents = found.relations[0].relation.argmax(axis=1)[found.assignments.fine]
    assert all(parents[row] in classes for row, classes in several.items())
    again = read_discovery(tmp_path / "out").sources[0]
    assert dict(again.several) == several
    np.testing.assert_array_equal(again.labels, labels)


def test_one_coarse_class_is_discovered_in_to_the_report(tmp_path):
    x, _, fine = planted([4], per_fine=[20, 40, 30, 25])
    dataset = pretend_dataset(x, np.zeros(len(x), np.int64))
    found = discover_to(tmp_path / "out", dataset, make_config({}))
    assert found.counts[0].low <= 4 <= found.counts[0].high
    given = discover(dataset, make_config({"counts": {"n_fine": 4}})).discovery
    assert accuracy_score(fine, given.assignments.fine) == 1.0
    assert read_discovery(tmp_path / "out").n_fine == found.n_fine
    assert "c0" in (tmp_path / "out" / "report.html").read_text("utf-8")


def state_of(source):
    data = planted_heads(parents=((0, 0, 1, 1, 2, 2),), per_class=4)
    generator = torch.Generator().manual_seed(0)
    start, config = data.warm_start(), TrainConfig()
    near = Neighbors(np.tile(np.arange(24)[:, None], (1, 2)), "torch")
    inputs = TrainInputs(
        FrozenFeatures(data.features, "cpu"),
        first_head(start, config, generator),
        (source,),
        (near,),
        start.relations,
        config,
        None,
        (None,),
        0,
    )
    return make_state(inputs, generator)


def test_only_labelled_rows_are_trained_on_and_only_single_classes_reach_the_window():
    labels = np.repeat(np.arange(3), 8)
    labels[:3], labels[5] = -1, -1
    state = state_of(LabelSource("coarse", labels, ("a", "b", "c"), {0: (0, 1)}))
    assert state.trained_rows().tolist() == [0, 3, 4, *range(6, 24)]
    source = state.sources[0]
    assert source.children.valid.sum(dim=1).tolist() == [2, 2, 2, 4]  # a, b, c, a|b
    rows = torch.tensor([0, 3, 8])
    source.observe(source.window, torch.full((3, 6), 1 / 6), source.coarse[rows])
    assert source.window.sums.sum(dim=1).tolist() == pytest.approx([1, 1, 0])
    assert source.window.count == 2
