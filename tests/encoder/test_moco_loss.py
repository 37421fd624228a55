"""The contrastive loss and its targets: another implementation, lightly's, laws, hand cases."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from falcon_svc.encoder.moco.loss import KeyQueue, coarse_targets, contrastive_loss


def unit_rows(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.normalize(draw, dim=1)


def plain_loss(queries: Tensor, keys: Tensor, own: list[int], temperature: float) -> float:
    """MoCo v3, algorithm 1, one number at a time."""
    total = 0.0
    for query, mine in zip(queries.tolist(), own, strict=True):
        similar = [sum(a * b for a, b in zip(query, key, strict=True)) for key in keys.tolist()]
        others = sum(math.exp(s / temperature) for s in similar)
        total -= math.log(math.exp(similar[mine] / temperature) / others)
    return 2 * temperature * total / len(queries)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_the_loss_equals_a_plain_one(temperature: float) -> None:
    queries, keys = unit_rows(6, 5), unit_rows(9, 5, seed=1)
    own = [3, 0, 8, 1, 2, 7]
    loss = contrastive_loss(queries, keys, torch.tensor(own), temperature=temperature)
    assert float(loss) == pytest.approx(plain_loss(queries, keys, own, temperature))


def test_the_loss_equals_that_of_lightly_with_a_memory_bank() -> None:
    ntx_ent = pytest.importorskip("lightly.loss.ntx_ent_loss")
    temperature, bank = 0.2, unit_rows(16, 5, seed=2).float()
    queries, keys = unit_rows(4, 5).float(), unit_rows(4, 5, seed=1).float()
    theirs = ntx_ent.NTXentLoss(temperature=temperature, memory_bank_size=(16, 5))
    theirs.memory_bank.bank = bank.clone()
    for query, key in zip(queries, keys, strict=True):  # one by one: lightly has no other keys
        expected = theirs(query[None], key[None].detach())
        every = torch.cat([key[None], bank])
        loss = contrastive_loss(query[None], every, torch.tensor([0]), temperature=temperature)
        assert float(loss) == pytest.approx(2 * temperature * float(expected), rel=1e-5)


def test_equal_keys_give_the_loss_by_chance_and_own_keys_alone_give_none() -> None:
    same = unit_rows(1, 4).expand(8, 4)
    own = torch.arange(8)
    chance = contrastive_loss(same, same, own, temperature=0.5)
    assert float(chance) == pytest.approx(2 * 0.5 * math.log(8))
    apart = torch.eye(4)
    loss = contrastive_loss(apart, apart, torch.arange(4), temperature=0.01)
    assert float(loss) == pytest.approx(0, abs=1e-6)


def test_hand_case() -> None:
    # One query, cosines 1 and 0, T = 1: loss = 2 log(1 + 1/e).
    queries, keys = torch.tensor([[1.0, 0.0]]), torch.eye(2)
    loss = contrastive_loss(queries, keys, torch.tensor([0]), temperature=1.0)
    assert float(loss) == pytest.approx(2 * math.log(1 + math.exp(-1)))


def test_one_hot_targets_are_class_numbers() -> None:
    queries, keys, own = unit_rows(3, 4), unit_rows(5, 4, seed=1), torch.tensor([4, 0, 2])
    by_number = contrastive_loss(queries, keys, own, temperature=0.2)
    one_hot = F.one_hot(own, 5).double()
    assert float(contrastive_loss(queries, keys, one_hot, temperature=0.2)) == pytest.approx(
        float(by_number)
    )


def plain_targets(
    keys: Tensor, labels: list[int], own: list[int], weight: float, temperature: float
) -> list[list[float]]:
    rows = []
    for mine in own:
        friends = [j for j, y in enumerate(labels) if j != mine and y == labels[mine] and y >= 0]
        row = [0.0] * len(labels)
        powers = {j: math.exp(float(keys[mine] @ keys[j]) / temperature) for j in friends}
        for j, power in powers.items():
            row[j] = weight * power / sum(powers.values())
        row[mine] = 1 - weight if friends else 1.0
        rows.append(row)
    return rows


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_coarse_targets_equal_plain_ones(weight: float) -> None:
    keys, labels, own = unit_rows(7, 4), [0, 1, 0, 2, -1, 0, -1], [0, 1, 2, 4, 5]
    found = coarse_targets(
        keys, torch.tensor(labels), torch.tensor(own), weight=weight, temperature=0.1
    )
    expected = torch.tensor(plain_targets(keys, labels, own, weight, 0.1), dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_coarse_targets_are_shares_and_other_classes_are_full_negatives() -> None:
    labels = torch.tensor([0, 0, 0, 1, 1, 2])
    found = coarse_targets(unit_rows(6, 3), labels, torch.arange(6), weight=0.4, temperature=0.1)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(6, dtype=torch.float64))
    assert (found[labels[:, None] != labels] == 0).all()
    torch.testing.assert_close(found.diagonal()[:5], torch.full((5,), 0.6, dtype=torch.float64))
    assert found[5, 5] == 1  # alone in its class


def test_samples_without_a_label_have_plain_targets() -> None:
    labels = torch.full((4,), -1)
    found = coarse_targets(unit_rows(4, 3), labels, torch.arange(4), weight=0.5, temperature=0.1)
    assert torch.equal(found, torch.eye(4, dtype=torch.float64))


def test_sharp_targets_go_to_the_most_similar_sample() -> None:
    keys = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), dim=1)
    found = coarse_targets(
        keys, torch.zeros(3).long(), torch.tensor([0]), weight=0.5, temperature=0.01
    )
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 0.0]]))


def test_the_queue_keeps_the_newest_first() -> None:
    queue = KeyQueue(5, 1)
    assert len(queue.filled_keys) == 0
    for start in (0, 2, 4):
        queue.push(torch.tensor([[start], [start + 1.0]]), torch.tensor([start, start + 1]))
    assert queue.filled_keys[:, 0].tolist() == [4, 5, 2, 3, 0]
    assert queue.filled_labels.tolist() == [4, 5, 2, 3, 0]


def test_a_queue_shorter_than_a_batch_keeps_its_first_keys() -> None:
    queue = KeyQueue(2, 1)
    queue.push(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([1, 2, 3]))
    assert queue.filled_keys[:, 0].tolist() == [1, 2]


def test_no_queue_holds_nothing() -> None:
    queue = KeyQueue(0, 3)
    queue.push(torch.ones(2, 3), torch.tensor([0, 1]))
    assert queue.filled_keys.shape == (0, 3)


def test_the_queue_equals_that_of_lightly() -> None:
    """The same keys are kept; lightly overwrites a ring, ours is in order."""
    memory_bank = pytest.importorskip("lightly.models.modules.memory_bank")
    theirs, ours = memory_bank.MemoryBankModule(size=(6, 3)), KeyQueue(6, 3)
    for seed in range(5):
        keys = unit_rows(3, 3, seed=seed).float()
        theirs(keys, update=True)
        ours.push(keys, torch.zeros(3).long())
    kept = {tuple(row) for row in theirs.bank.tolist()}
    assert {tuple(row) for row in ours.filled_keys.tolist()} == kept
