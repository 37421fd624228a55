from __future__ import annotations

import warnings

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from falcon_svc.core import ema_momentum, learning_rate_share, soft_weight


def test_soft_weight_falls_from_one_to_zero_and_stays() -> None:
    values = [soft_weight(epoch, 30) for epoch in range(40)]
    assert values[0] == 1
    assert values[15] == pytest.approx(0.5)
    assert values[30:] == [0] * 10
    assert values == sorted(values, reverse=True)


def test_soft_weight_without_soft_epochs_is_zero() -> None:
    assert soft_weight(0, 0) == 0


def test_momentum_warms_up_to_its_value() -> None:
    assert ema_momentum(0, 0.99) == pytest.approx(0.1)
    assert ema_momentum(8, 0.99) == pytest.approx(0.5)
    assert ema_momentum(10_000, 0.99) == 0.99


@pytest.mark.parametrize("decay", ["step", "cosine"])
def test_learning_rates_equal_those_of_torch(decay: str) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = (
        MultiStepLR(optimizer, [12, 16], gamma=0.1)
        if decay == "step"
        else CosineAnnealingLR(optimizer, T_max=20)
    )
    for epoch in range(20):
        share = learning_rate_share(epoch, 20, decay=decay, milestones=(0.6, 0.8))
        assert 0.3 * share == pytest.approx(optimizer.param_groups[0]["lr"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wants an optimizer step in between
            scheduler.step()
