"""The speed benchmark: the restated loop equals our losses, and every part gives its lines."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from falcon_svc.bench import speed
from falcon_svc.bench.reference_loop import ReferenceLoop
from falcon_svc.core import (
    balance_loss,
    children_of,
    coarse_loss,
    confidence_loss,
    confidence_target,
    neighbor_loss,
    take_children,
)
from tests.bench.sets import save_separated

SMALL = speed.Workload(n_samples=240, dim=6, n_fine=9, n_coarse=3, batch_size=80)


def reference_loop(workload=SMALL):
    return ReferenceLoop(
        torch.from_numpy(workload.features()),
        torch.from_numpy(workload.source().labels),
        torch.from_numpy(workload.neighbors().index),
        workload.n_fine,
        workload.n_coarse,
        workload.batch_size,
        workload.sampled_neighbors,
        solve_every=2,
    )


def test_restated_losses_equal_ours():
    torch.manual_seed(0)
    loop = reference_loop()
    x, coarse, near = next(loop._indexed_batches())
    teacher, near_prob = loop._teacher(x, near)
    log_prob = loop.model(x).log_softmax(1)
    children = children_of(loop.relation)
    child = take_children(log_prob, coarse, children)
    target = confidence_target(
        take_children(teacher, coarse, children), temperature=0.9, soft_weight=0.5
    )
    parts = coarse_loss(child) + confidence_loss(child, target)
    parts = parts + neighbor_loss(log_prob, near_prob.log())  # over all F classes, as released
    expected = 0.5 * parts.mean() + 2.0 * balance_loss(log_prob)
    torch.testing.assert_close(loop.loss(x, coarse, teacher, near_prob), expected)


@pytest.mark.parametrize("loader", [False, True])
def test_restated_loop_trains_and_solves(loader):
    loop = reference_loop()
    before = [p.clone() for p in loop.averages]
    assert loop.train_epoch(loader=loader) > 0
    assert loop.step == 3
    assert len(loop.window) == 1
    assert loop.relation.sum(dim=1).eq(1).all()
    assert not torch.equal(before[0], loop.averages[0])


def test_workload_neighbors_share_the_class_and_are_others():
    index, labels = SMALL.neighbors().index, SMALL.source().labels
    assert (labels[index] == labels[:, None]).all()
    assert (index != np.arange(len(index))[:, None]).all()


def test_search_agrees_with_the_yardstick():
    ours, theirs = speed.search_lines(SMALL)
    assert "100.0 % alike" in ours.what
    assert theirs.times == 1.0


def test_run_has_all_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "DEMO_N_FINE", 6)
    path = save_separated(tmp_path / "a.npz")
    table = speed.run(tmp_path / "s.json", workload=SMALL, path=path)
    document = json.loads((tmp_path / "s.json").read_text("utf-8"))
    whats = [line["what"] for line in document["lines"]]
    assert {"read", "structure", "head", "in all", "of it the relation step"} <= set(whats)
    assert sum(line["part"] == "head training" for line in document["lines"]) == 6
    assert len(table.splitlines()) == 2 + len(whats)
