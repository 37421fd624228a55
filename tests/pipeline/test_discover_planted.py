"""The whole pipeline on planted data: found again, the same again, and after a kill."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.config import make_config
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.metrics import accuracy_score
from falcon_svc.pipeline.assignments_table import assignments_parquet
from falcon_svc.pipeline.discover import discover, discover_to
from falcon_svc.pipeline.model import DiscoveryModel
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


def test_a_saved_model_predicts_what_the_discovery_assigned(blobs, tmp_path):
    dataset, _ = blobs
    found = discover_to(tmp_path / "out", dataset, make_config(CONFIG)).assignments
    model = DiscoveryModel.load(tmp_path / "out")
    names = [dataset.coarse.names[k] for k in dataset.coarse.labels]
    assert np.array_equal(model.predict(dataset.vectors, names).fine, found.fine)
    assert np.array_equal(model.predict(dataset.vectors).fine, found.fine_unmasked)
    with pytest.raises(InputError, match="vectors of 12 numbers"):
        model.predict(np.zeros((2, 5), np.float32))
    with pytest.raises(InputError, match="zebra"):
        model.predict(dataset.vectors[:1], ["zebra"])


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
