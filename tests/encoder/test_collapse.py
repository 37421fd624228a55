"""Signs of collapse: hand cases, and when they stop a training."""

from __future__ import annotations

import pytest
import torch

from falcon_svc.encoder.moco.collapse import PATIENCE, check_health, coarse_purity, spread
from falcon_svc.errors import CollapsedError

HEALTHY = {"loss": 2.0, "chance_loss": 4.0, "feature_std": 0.4, "coarse_purity": None}
ALIKE = HEALTHY | {"feature_std": 0.001}
BY_CHANCE = HEALTHY | {"loss": 3.99}


def check(history: list[dict[str, float | None]], grace: int = 0) -> None:
    check_health(history, grace=grace, chance_purity=0.2)


def test_spread_by_hand() -> None:
    assert float(spread(torch.ones(5, 3))) == pytest.approx(0)
    assert float(spread(torch.tensor([[2.0, 0.0], [-1.0, 0.0]]))) == pytest.approx(1)
    right_angle = torch.tensor([[1.0, 0.0], [0.0, 7.0]])  # each 1 / sqrt 2 from their middle
    assert float(spread(right_angle)) == pytest.approx(0.5**0.5)


def test_spread_does_not_see_lengths() -> None:
    rows = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    scaled = rows * torch.tensor([1.0, 10, 0.1, 3, 5, 2])[:, None]
    torch.testing.assert_close(spread(scaled), spread(rows))


def test_purity_by_hand() -> None:
    apart = torch.eye(2).repeat_interleave(6, dim=0)  # two directions, six samples each
    assert coarse_purity(apart, torch.arange(12) // 6) == 1
    assert coarse_purity(apart, torch.arange(12) % 2) == pytest.approx(0.4)  # 2 of 5 others
    assert coarse_purity(torch.ones(1, 2), torch.tensor([0])) is None


def test_a_healthy_history_goes_on() -> None:
    check([HEALTHY] * 10)


@pytest.mark.parametrize(("ill", "words"), [(ALIKE, "nearly the same"), (BY_CHANCE, "chance")])
def test_ill_epochs_in_a_row_stop_the_training(ill: dict[str, float], words: str) -> None:
    history = [HEALTHY | {"coarse_purity": 0.25}, *[ill] * PATIENCE]
    check(history[:-1])
    with pytest.raises(CollapsedError, match=words) as caught:
        check(history)
    assert caught.value.code == "collapsed"
    assert "by epoch 4" in str(caught.value)
    assert "coarse kNN purity is 0.25, by chance 0.20" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_healthy_epoch_in_between_is_enough() -> None:
    check([ALIKE, ALIKE, HEALTHY, ALIKE, ALIKE])


def test_the_first_epochs_may_look_ill() -> None:
    check([BY_CHANCE] * 5, grace=3)
    with pytest.raises(CollapsedError):
        check([BY_CHANCE] * 6, grace=3)


def test_a_loss_by_chance_is_no_illness_where_neighbors_say_otherwise() -> None:
    check([HEALTHY | {"coarse_purity": 0.5}, *[BY_CHANCE] * 5])
    with pytest.raises(CollapsedError):
        check([HEALTHY | {"coarse_purity": 0.5}, *[ALIKE] * 5])
