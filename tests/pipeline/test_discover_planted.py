"""The whole pipeline on planted data: found again, the same again, and after a kill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.config import make_config
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.metrics import accuracy_score
from falcon_svc.neighbors import search_neighbors
from falcon_svc.pipeline.discover import discover, discover_to
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.table import assignments_parquet
from falcon_svc.types import LabelSource
from tests.discoveries import pretend_dataset
from tests.discovery.test_structure_laws import planted


class Stop(Exception):
    """Raised by a test's progress to end a run."""


class StopAtEpoch:
    def __init__(self, epoch):
        self.epoch, self.name = epoch, ""

    def stage(self, name, total):
        self.name = name

    def advance(self, done, metrics):
        if self.name == "head" and done == self.epoch:
            raise Stop


@pytest.fixture(scope="module")
def blobs():
    x, source, fine = planted([2, 4, 3], per_fine=30)
    return pretend_dataset(x, source.labels), fine


CONFIG = {"counts": {"n_fine": 9}}


def test_planted_classes_are_found_and_runs_repeat_to_the_byte(blobs):
    dataset, fine = blobs
    first = discover(dataset, make_config(CONFIG))
    again = discover(dataset, make_config(CONFIG))
    assert accuracy_score(fine, first.discovery.assignments.fine) > 0.95
    assert accuracy_score(fine, first.discovery.assignments.fine_unmasked) > 0.95
    assert assignments_parquet(first.discovery) == assignments_parquet(again.discovery)
    assert all(relation.status == "optimal" for relation in first.discovery.relations)


@pytest.mark.parametrize("head", ["mlp", "prototype"])
def test_every_head_keeps_what_the_start_knows(blobs, head):
    dataset, fine = blobs
    found = discover(dataset, make_config(CONFIG | {"train": {"head": head}})).discovery
    assert accuracy_score(fine, found.assignments.fine) > 0.95
    assert accuracy_score(fine, found.assignments.fine_unmasked) > 0.95


def test_a_stopped_run_resumes_to_the_same_bytes_and_leaves_no_directory(blobs, tmp_path):
    dataset, _ = blobs
    discover_to(tmp_path / "whole", dataset, make_config(CONFIG))
    with pytest.raises(Stop):
        discover_to(tmp_path / "cut", dataset, make_config(CONFIG), progress=StopAtEpoch(7))
    assert not (tmp_path / "cut").exists()
    discover_to(tmp_path / "cut", dataset, make_config(CONFIG), resume=True)
    for name in ("assignments.parquet", "model.safetensors"):
        whole, cut = (tmp_path / run / name for run in ("whole", "cut"))
        assert whole.read_bytes() == cut.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut", "whole"]


def with_wrong_labels(dataset, rate=0.1):
    rng = np.random.default_rng(3)
    labels = dataset.coarse.labels.copy()
    rows = rng.permutation(len(labels))[: round(rate * len(labels))]
    labels[rows] = (labels[rows] + rng.integers(1, 3, len(rows))) % 3
    return replace(dataset, sources=(replace(dataset.coarse, labels=labels),), digest="cd" * 32)


@pytest.mark.parametrize("noise", ["auto", 0.1])
def test_wrong_labels_are_told_teach_nothing_and_are_not_moved(blobs, noise):
    dataset, fine = blobs
    noisy = with_wrong_labels(dataset)
    clean = noisy.coarse.labels == dataset.coarse.labels
    found = discover(noisy, make_config(CONFIG | {"labels": {"coarse_noise": noise}})).discovery
    assert np.array_equal(found.sources[0].labels, noisy.coarse.labels)
    parent = found.relations[0].relation.argmax(axis=1)
    assert np.array_equal(parent[found.assignments.fine], noisy.coarse.labels)
    (judged,) = found.label_noise
    assert sorted(judged.suspected.tolist()) == np.flatnonzero(~clean).tolist()
    assert (judged.proposed[~clean] == dataset.coarse.labels[~clean]).all()
    assert accuracy_score(fine[clean], found.assignments.fine[clean]) > 0.95
    assert "labels" in {stage.name for stage in found.stages}


def test_labels_that_cannot_be_judged_are_believed(caplog):
    x, source, _ = planted([3], per_fine=20)
    config = make_config({"counts": {"n_fine": 3}, "labels": {"coarse_noise": "auto"}})
    found = discover(pretend_dataset(x, source.labels), config).discovery
    assert found.label_noise == () and "cannot be judged" in caplog.text


def split_in_two(dataset, fine, which):
    """Half of one fine class's samples get the label of another coarse class."""
    labels = dataset.coarse.labels.copy()
    rows = np.flatnonzero(fine == which)
    labels[rows[::2]] = (labels[rows[0]] + 1) % 3
    return replace(dataset, sources=(replace(dataset.coarse, labels=labels),), digest="ef" * 32)


def test_a_class_that_lies_in_two_coarse_classes_is_listed_and_merged_where_wished():
    x, source, fine = planted([2, 4, 3], per_fine=60)
    dataset = split_in_two(pretend_dataset(x, source.labels), fine, 0)
    counts = {"counts": {"n_fine": 10}}
    listed = discover(dataset, make_config(counts)).discovery
    (pair,) = listed.shared_pairs
    assert {int(np.bincount(fine[listed.assignments.fine == k]).argmax()) for k in pair.fine} == {0}
    merged = discover(
        dataset, make_config(counts | {"labels": {"several_parents": True}})
    ).discovery
    assert (listed.n_fine, merged.n_fine) == (10, 9)
    (shared,) = [c for c in merged.classes if c.also_in]
    assert {shared.coarse["coarse"], *shared.also_in["coarse"]} == {0, 1}
    assert merged.relations[0].relation.sum() == 10 and not merged.shared_pairs
    assert accuracy_score(fine, merged.assignments.fine) > 0.95


def test_a_saved_model_predicts_what_the_discovery_assigned(blobs, tmp_path):
    dataset, _ = blobs
    found = discover_to(tmp_path / "out", dataset, make_config(CONFIG)).assignments
    model = Predictor.load(tmp_path / "out")
    names = [dataset.coarse.names[k] for k in dataset.coarse.labels]
    assert np.array_equal(model.predict(dataset.vectors, names).fine, found.fine)
    assert np.array_equal(model.predict(dataset.vectors).fine, found.fine_unmasked)
    with pytest.raises(InputError, match="vectors of 12 numbers"):
        model.predict(np.zeros((2, 5), np.float32))
    (note,) = model.predict(dataset.vectors[:1], ["zebra"]).notes
    assert "zebra" in note.text


def test_two_sources_that_share_the_samples_are_solved_together(blobs):
    dataset, fine = blobs
    rng = np.random.default_rng(0)
    mine = rng.random(len(fine)) < 0.6
    first = np.where(mine, dataset.coarse.labels, -1)
    second = LabelSource("other", np.where(mine, -1, fine % 4).astype(np.int64), tuple("abcd"))
    both = pretend_dataset(dataset.vectors, first, sources=(second,))
    run = discover(both, make_config(CONFIG))
    assert accuracy_score(fine, run.discovery.assignments.fine) > 0.9
    assert [r.relation.shape for r in run.discovery.relations] == [(9, 3), (9, 4)]


def test_ranges_per_coarse_class_are_kept_and_contradictions_refused(blobs):
    dataset, _ = blobs
    name = dataset.coarse.names[1]
    run = discover(dataset, make_config({"counts": {"n_fine": 9, "n_fine_per_coarse": {name: 2}}}))
    assert run.discovery.counts[1].n_fine == 2
    assert run.discovery.counts[1].origin == "given"
    with pytest.raises(ConfigError, match="n_fine = 2"):
        discover(dataset, make_config({"counts": {"n_fine": 2}}))


def test_tiny_data_with_a_lonely_sample_and_duplicates_run_through():
    x, source, _ = planted([2, 1], per_fine=[6, 6, 1])
    x[:4] = x[0]
    run = discover(pretend_dataset(x, source.labels), make_config({"counts": {"n_fine": 3}}))
    assert run.discovery.n_fine == 3


def test_an_approximate_search_is_told_in_the_result(monkeypatch, blobs):
    def rough(*given, **more):
        return replace(search_neighbors(*given, **more), recall=0.987)

    monkeypatch.setattr("falcon_svc.pipeline.stages.search_neighbors", rough)
    found = discover(blobs[0], make_config(CONFIG | {"train": {"epochs": 1}})).discovery
    assert "approximate_neighbors" in [note.code for note in found.notes]
