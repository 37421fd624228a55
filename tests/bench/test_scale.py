"""The scale benchmark: its planted data, a small size in its own process, its exponent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.bench import planted as planted_module
from falcon_svc.bench import scale
from falcon_svc.bench.planted import Planted
from falcon_svc.bench.scale_child import Run, measure
from falcon_svc.data import load_dataset, load_truth

SMALL = Planted(dim=16, n_coarse=4, n_fine=8, fine_spread=2.0)


def test_planted_data_are_what_they_say(tmp_path, monkeypatch):
    monkeypatch.setattr(planted_module, "CHUNK_ROWS", 37)
    path = SMALL.write(tmp_path, 200, seed=0)
    dataset, truth = load_dataset(path), load_truth(path)
    assert dataset.vectors.shape == (200, 16)
    assert dataset.coarse.n_coarse == 4
    fine = truth.aligned_to(dataset.ids)
    assert np.bincount(fine).tolist() == [25] * 8
    assert all(len(set(dataset.coarse.labels[fine == i].tolist())) == 1 for i in range(8))
    within = [dataset.vectors[fine == i].std(axis=0).mean() for i in range(8)]
    assert np.mean(within) == pytest.approx(1.0, abs=0.1)


def test_same_seed_same_bytes(tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(SMALL.write(tmp_path / name, 50, seed=3))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].with_suffix(".csv").read_text() == files[1].with_suffix(".csv").read_text()


def test_a_size_is_measured_stage_by_stage(tmp_path):
    tiny = Planted(dim=8, n_coarse=2, n_fine=4, fine_spread=4.0)
    run = measure(tiny.write(tmp_path, 200, seed=0), tiny, total_given=True)
    assert run.acc > 0.99
    assert sum(run.stages.values()) == pytest.approx(run.seconds)
    assert (tmp_path / "result" / "discovery.json").exists()


@pytest.mark.slow
def test_a_size_runs_in_its_own_process(tmp_path):
    table = scale.run([2_000], tmp_path / "s.json", planted=SMALL)
    document = json.loads((tmp_path / "s.json").read_text("utf-8"))
    (run,) = document["runs"]
    assert run["failure"] is None
    assert run["acc"] > 0.99
    assert run["peak_rss_bytes"] > 2**20
    assert sum(run["stages"].values()) == pytest.approx(run["seconds"])
    assert {"read", "structure", "head", "write"} <= set(run["stages"])
    assert document["growth_exponent"] is None
    assert "| 2,000 | 4 | total |" in table


@pytest.mark.slow
def test_coarse_classes_grow_in_number_with_nothing_given(tmp_path, monkeypatch):
    """In this process, as another test has a size in its own."""

    def here(size, planted, *, total_given):
        path = planted.write(tmp_path, size, seed=scale.SEED)
        return measure(path, planted, total_given=total_given)

    monkeypatch.setattr(scale, "_in_child", here)
    table = scale.run([], tmp_path / "s.json", coarse=[4, 2])
    runs = json.loads((tmp_path / "s.json").read_text("utf-8"))["runs"]
    assert [(run["n_samples"], run["n_coarse"]) for run in runs] == [(180, 2), (360, 4)]
    assert all(run["acc"] > 0.95 for run in runs)
    assert "over coarse classes" in table and "over samples" not in table


def test_many_coarse_classes_are_one_many_times():
    many = scale.many_coarse(2_000)
    assert (many.n_coarse, many.n_fine, many.dim) == (2_000, 6_000, 64)


def test_exponent_of_a_power_law():
    runs = [Run(n, 10, True, seconds=3e-4 * n**1.2) for n in (100, 1_000, 10_000)]
    assert scale.growth_exponent(runs) == pytest.approx(1.2)
    assert scale.growth_exponent([*runs, Run(10**6, 10, True, failure="killed")]) == pytest.approx(
        1.2
    )


def test_a_killed_process_is_a_result():
    assert "killed" in scale._report([Run(10, 1, False, failure="killed")])
