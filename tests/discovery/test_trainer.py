"""The loop recovers what was planted, from random and warm starts, with one source or several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from falcon_svc.core import HEAD_KINDS
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.discovery.training.head_start import HeadStart
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.trained_head import TrainedHead
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.errors import DivergedError
from falcon_svc.types import Neighbors
from tests.discovery.planted import SHORT, Planted, matching, planted, source_of, with_sources


def train(data: Planted, start: HeadStart, config: TrainConfig, **options: object) -> TrainedHead:
    options = {"seed": 0} | options
    return train_head(data.features, data.sources, data.neighbors, start, config, **options)


def accuracy(data: Planted, head: TrainedHead) -> float:
    found = predict(head.teacher, data.features, data.sources, head.relations)
    return matching(data.fine, found.fine, data.n_fine)[0]


QUICK_PAPER = TrainConfig.paper().model_copy(
    update={"epochs": 30, "batch_size": 64, "soft_epochs": 9, "solve_every": 10}
)


@pytest.mark.parametrize("seed", range(4))
def test_the_papers_schedule_recovers_classes_and_relation_from_a_random_start(seed: int) -> None:
    data = planted(seed=seed)
    head = train(data, data.random_start(seed), QUICK_PAPER, seed=seed)
    found = predict(head.teacher, data.features)
    share, match = matching(data.fine, found.fine, data.n_fine)
    assert share >= 0.85
    agreement = (head.relations[0][match] == data.relations[0]).all(axis=1)
    assert agreement.mean() >= 0.85


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_every_head_keeps_and_sharpens_a_warm_start(kind: str) -> None:
    data = planted()
    config = SHORT.model_copy(update={"head": kind, "learn_head_temperature": kind == "prototype"})
    start = data.warm_start()
    if kind == "prototype":  # knows angles, so the lengths that the bias makes up for are gone
        start = HeadStart(start.weight, np.zeros_like(start.bias), start.relations)
    head = train(data, start, config)
    assert accuracy(data, head) >= 0.98
    assert (head.relations[0] == data.relations[0]).all()


def test_a_relation_that_starts_wrong_is_mended() -> None:
    data = planted()
    start = data.warm_start()
    wrong = start.relations[0].copy()
    wrong[[0, 3]] = wrong[[3, 0]]
    head = train(data, HeadStart(start.weight, start.bias, (wrong,)), SHORT)
    assert sum(row["relation_changes"] for row in head.history) >= 1
    assert (head.relations[0] == data.relations[0]).all()


def test_size_targets_hold_where_the_even_share_is_wrong() -> None:
    data = planted(parents=((0, 0, 0, 0, 0, 1, 2),))
    even = train(data, data.random_start(), QUICK_PAPER)
    targets = (np.array([5, 1, 1]),)
    strict = QUICK_PAPER.model_copy(update={"late_relation_balance": 1.0})
    told = train(data, data.random_start(), strict, size_targets=targets)
    assert told.relations[0].sum(axis=0).tolist() == [5, 1, 1]
    assert accuracy(data, told) >= max(0.85, accuracy(data, even))


def test_two_sources_have_a_relation_each() -> None:
    parents = ((0, 0, 0, 1, 1, 1), (0, 1, 2, 0, 1, 2))
    data = planted(parents=parents)
    half = np.arange(len(data.fine)) % 2 == 0
    sources = tuple(source_of(np.array(p), data.fine, f"s{i}_") for i, p in enumerate(parents))
    for source, mine in zip(sources, (half, ~half), strict=True):
        source.labels[~mine] = -1
    data = with_sources(data.features, data.fine, sources, data.relations)
    head = train(data, data.random_start(), QUICK_PAPER)
    found = predict(head.teacher, data.features)
    share, match = matching(data.fine, found.fine, data.n_fine)
    assert share >= 0.95
    for relation, wanted in zip(head.relations, data.relations, strict=True):
        assert (relation[match] == wanted).all()


def test_a_second_source_that_labels_nobody_in_a_batch_does_no_harm() -> None:
    data = planted(parents=((0, 0, 1, 1), (0, 1, 0, 1)))
    data.sources[1].labels[5:-5] = -1
    head = train(data, data.warm_start(), SHORT)
    assert all(np.isfinite(list(row.values())).all() for row in head.history)
    assert [r.shape for r in head.relations] == [(4, 2), (4, 2)]


def test_unused_fine_classes_are_allowed() -> None:
    data = planted()
    start = data.warm_start()
    weight = np.concatenate([start.weight, np.zeros((2, start.weight.shape[1]), np.float32)])
    bias = np.concatenate([start.bias, [-50.0, -50.0]]).astype(np.float32)
    unused = np.concatenate([data.relations[0], np.zeros((2, 3), np.bool_)])
    prior = np.array([1] * 9 + [0] * 2, dtype=np.float32)
    config = SHORT.model_copy(update={"late_relation_balance": 0.0})
    head = train(data, HeadStart(weight, bias, (unused,)), config, fine_prior=prior)
    found = predict(head.teacher, data.features, data.sources, head.relations)
    assert set(found.fine.tolist()) == set(range(9))


def test_a_size_prior_serves_a_long_tail_better_than_evenness() -> None:
    data = planted(seed=3, spread=0.9)
    keep = np.ones(len(data.fine), np.bool_)
    keep[data.fine % 3 == 1] = np.arange((data.fine % 3 == 1).sum()) % 10 == 0
    sources = tuple(type(s)(s.name, s.labels[keep], s.names) for s in data.sources)
    data = with_sources(data.features[keep], data.fine[keep], sources, data.relations)
    prior = np.bincount(data.fine).astype(np.float32)
    config = SHORT.model_copy(update={"epochs": 20, "weight_balance": 3.0})
    even = accuracy(data, train(data, data.warm_start(), config))
    told = accuracy(data, train(data, data.warm_start(), config, fine_prior=prior))
    assert told > even


def test_one_fine_class_per_coarse_class_is_the_coarse_class() -> None:
    data = planted(parents=((0, 1, 2),))
    assert accuracy(data, train(data, data.warm_start(), SHORT)) == 1


def test_fewer_samples_than_a_batch_and_than_neighbors() -> None:
    data = planted(per_class=2)
    config = SHORT.model_copy(update={"batch_size": 4096})
    head = train(data, data.warm_start(), config)
    assert len(head.history) == config.epochs


def test_no_epochs_return_the_start() -> None:
    data = planted()
    head = train(data, data.warm_start(), SHORT.model_copy(update={"epochs": 0}))
    np.testing.assert_array_equal(head.student.weight.numpy(), data.warm_start().weight)


def test_features_may_be_a_read_only_memory_map(tmp_path: object) -> None:
    data = planted()
    np.save(f"{tmp_path}/x.npy", data.features)
    mapped = np.load(f"{tmp_path}/x.npy", mmap_mode="r")
    same = [
        train_head(x, data.sources, data.neighbors, data.warm_start(), SHORT, seed=0)
        for x in (data.features, mapped)
    ]
    assert torch.equal(same[0].student.weight, same[1].student.weight)


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    data = planted()
    heads = [train(data, data.warm_start(), SHORT, seed=seed) for seed in (1, 1, 2)]
    bytes_of = [head.teacher.weight.numpy().tobytes() for head in heads]
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


def test_reports_tell_every_epoch_and_are_the_history() -> None:
    data, seen = planted(), list[EpochReport]()
    head = train(data, data.warm_start(), SHORT, on_epoch=seen.append)
    assert [report.epoch for report in seen] == [1, 2, 3, 4]
    assert [row["coarse_loss"] for row in head.history] == [r.coarse_loss for r in seen]
    assert all(report.samples_per_s > 0 for report in seen)
    assert seen[-1].learning_rate < seen[0].learning_rate


def test_the_last_relations_are_certified() -> None:
    data = planted()
    solution = train(data, data.warm_start(), SHORT).solutions[0]
    assert solution.status == "optimal"
    assert solution.method == "cp_sat"
    assert solution.problem.matrix.sum() == pytest.approx(1, abs=1e-4)


def test_remembered_and_fresh_neighbors_agree_from_a_warm_start() -> None:
    data = planted(spread=0.6)
    losses = []
    for fresh in (True, False):
        config = SHORT.model_copy(update={"fresh_neighbors": fresh, "epochs": 10})
        losses.append(train(data, data.warm_start(), config).history[-1]["neighbor_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_a_renewed_memory_says_what_a_forward_pass_says() -> None:
    from falcon_svc.discovery.training import trainer
    from falcon_svc.discovery.training.samples import FrozenFeatures
    from falcon_svc.discovery.training.setup import TrainInputs, first_head, make_state

    data, generator = planted(), torch.Generator().manual_seed(0)
    samples, start = FrozenFeatures(data.features, "cpu"), data.warm_start()
    inputs = TrainInputs(
        samples=samples,
        student=first_head(start, SHORT, generator),
        sources=data.sources,
        neighbors=data.neighbors,
        relations=start.relations,
        config=SHORT,
        fine_prior=None,
        size_targets=(None,),
        seed=0,
    )
    state = make_state(inputs, generator)
    state.renew_memories(samples)
    source, near = state.sources[0], torch.tensor([[0, 5], [200, 300], [7, 7]])
    fresh = trainer._forward_neighbors(state, source, samples, near)
    torch.testing.assert_close(source.memory.read(near), fresh)


def test_neighbors_of_the_wrong_kind_mislead() -> None:
    """The loop does use its neighbors: random ones of the same coarse class spoil it."""
    data = planted(spread=0.7)
    random = np.random.default_rng(0)
    coarse = data.sources[0].labels
    index = np.stack([random.choice(np.flatnonzero(coarse == y), 10) for y in coarse])
    misled = Planted(
        data.features, data.fine, data.sources, (Neighbors(index, "random"),), data.relations
    )
    config = SHORT.model_copy(update={"epochs": 20, "weight_neighbor": 5.0})
    good = train(data, data.warm_start(), config).history[-1]["neighbor_loss"]
    bad = train(misled, data.warm_start(), config).history[-1]["neighbor_loss"]
    assert good < 0.5 * bad


def test_nan_features_diverge_after_two_retries(caplog: pytest.LogCaptureFixture) -> None:
    data = planted()
    data.features[0] = np.nan
    with pytest.raises(DivergedError, match="halving the learning rate 2 times"):
        train(data, data.warm_start(), SHORT)
    assert caplog.text.count("half the rate") == 2


def test_a_rate_that_overflows_is_halved_and_training_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, calls = planted(), []
    from falcon_svc.discovery.training import trainer

    real = trainer._source_losses

    def once_nan(*args: object, **options: object) -> torch.Tensor:
        calls.append(1)
        return real(*args, **options) * (torch.nan if len(calls) == 9 else 1.0)

    monkeypatch.setattr(trainer, "_source_losses", once_nan)
    head = train(data, data.warm_start(), SHORT)
    assert [row["epoch"] for row in head.history] == [1, 2, 3, 4]
    assert head.history[-1]["learning_rate"] < SHORT.learning_rate / 2
    assert accuracy(data, head) >= 0.98


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu() -> None:
    data = planted()
    heads = [train(data, data.warm_start(), SHORT, device=d) for d in ("cpu", "cuda")]
    assert accuracy(data, heads[0]) == pytest.approx(accuracy(data, heads[1]), abs=0.02)
