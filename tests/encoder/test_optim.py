"""Schedules and LARS: formulas again, ends, and what is left alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from falcon_svc.encoder.moco.optim import TRUST, Lars, key_momentum, learning_rate, make_optimizer
from tests.encoder import tiny


def test_the_rate_rises_on_a_line_and_falls_on_half_a_cosine() -> None:
    rates = [learning_rate(step, steps=30, warmup=4, peak=0.5) for step in range(30)]
    assert rates[:4] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert rates[4] == 0.5 == max(rates)
    assert rates[17] == pytest.approx(0.25)  # half way
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_the_rate_equals_torch_s_cosine() -> None:
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20)
    for step in range(20):
        rate = learning_rate(step, steps=20, warmup=0, peak=0.3)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()


def test_the_momentum_rises_from_its_start_to_one() -> None:
    values = [key_momentum(step, steps=100, start=0.99) for step in range(101)]
    assert values[0] == pytest.approx(0.99)
    assert values[50] == pytest.approx(0.995)
    assert values[100] == 1
    assert values == sorted(values)
    paper = [1 - 0.01 * (math.cos(math.pi * step / 100) + 1) / 2 for step in range(101)]
    assert values == pytest.approx(paper)


def test_lars_by_hand() -> None:
    # |w| = 5, g = (3, 4) * 2: |g| = 10, decay 0.1: trusted share 0.02 * 5 / (0.1 * (10 + 0.5)).
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    weight.grad = torch.tensor([[6.0, 8.0]])
    Lars([{"params": [weight], "weight_decay": 0.1}], 0.1).step()
    share = TRUST * 5 / (0.1 * 10.5)
    expected = [[3 - 0.1 * share * 6.3, 4 - 0.1 * share * 8.4]]
    torch.testing.assert_close(weight.detach(), torch.tensor(expected))


def test_lars_moves_a_weight_by_its_share_whatever_the_gradient_s_size() -> None:
    moves = []
    for size in (1.0, 1e3):
        weight = nn.Parameter(torch.full((4, 4), 2.0))
        weight.grad = torch.full((4, 4), size)
        before = weight.detach().clone()
        Lars([{"params": [weight]}], 0.5).step()
        moves.append((weight - before).norm() / before.norm())
    assert torch.stack(moves).tolist() == pytest.approx([TRUST, TRUST], rel=1e-5)


def test_lars_is_sgd_for_vectors_and_for_small_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(3, generator=generator), torch.randn(4, 3, generator=generator) * 100]
    ours, theirs = ([nn.Parameter(t.clone()) for t in start] for _ in range(2))
    lars = Lars([{"params": ours}], 0.01)
    sgd = torch.optim.SGD(theirs, lr=0.01, momentum=0.9)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        lars.step()
        sgd.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("size", [0.0, 1.0])
def test_lars_stands_zero_weights_and_zero_gradients(size: float) -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.full((2, 2), size)
    Lars([{"params": [weight]}], 0.1).step()
    torch.testing.assert_close(weight.detach(), torch.full((2, 2), -0.1 * size))


@pytest.mark.parametrize("name", ["sgd", "adamw", "lars"])
def test_decay_is_for_matrices_only_and_every_optimiser_descends(name: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
    optimizer = make_optimizer(net, tiny.config(optimizer=name, weight_decay=0.1))
    matrices, vectors = optimizer.param_groups
    assert {p.ndim for p in matrices["params"]} == {2}
    assert {p.ndim for p in vectors["params"]} == {1}
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0)
    x = torch.randn(32, 4)
    losses = []
    for _ in range(20):
        loss = (net(x) - x[:, :1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
