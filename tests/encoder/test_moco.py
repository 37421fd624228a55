"""The module: what moves, what does not, and that the two views are treated alike."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from falcon_svc.encoder.moco.loss import MoCo
from tests.encoder import tiny


def model(**changes: object) -> MoCo:
    torch.manual_seed(0)
    return MoCo(tiny.network(), tiny.config(**changes), queue_length=int(changes.get("queue", 0)))


def batch(n: int = 12, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x1, x2 = torch.randn(2, n, 1, tiny.SIDE, tiny.SIDE, generator=generator)
    return x1, x2, torch.arange(n) % 3


@pytest.mark.parametrize("changes", [{}, {"queue": 20}, {"coarse_weight": 0.4}])
def test_the_loss_does_not_change_when_the_views_are_exchanged(changes: dict[str, object]) -> None:
    moco = model(**changes)
    if "queue" in changes:
        moco(*batch(seed=1))
    x1, x2, coarse = batch()
    there, back = copy.deepcopy(moco)(x1, x2, coarse), moco(x2, x1, coarse)
    torch.testing.assert_close(there, back)


def test_the_loss_is_the_two_contrasts_of_the_paper() -> None:
    moco = model()
    x1, x2, coarse = batch()
    with torch.no_grad():
        q1, q2 = (moco.query(moco.network(x)) for x in (x1, x2))
        k1, k2 = moco.key(x1), moco.key(x2)
        expected = moco.contrast(q1, k2, coarse) + moco.contrast(q2, k1, coarse)
    torch.testing.assert_close(moco(x1, x2, coarse).detach(), expected)


def test_gradients_reach_queries_only() -> None:
    moco = model()
    moco(*batch()).backward()
    moved = {name for name, p in moco.named_parameters() if p.grad is not None}
    assert moved == {n for n, _ in moco.named_parameters() if not n.startswith("momentum_")}
    assert all(p.grad.abs().sum() > 0 for p in moco.parameters() if p.grad is not None)


def test_keys_begin_as_the_network_and_follow_it_by_the_momentum() -> None:
    moco = model()
    assert torch.equal(moco.network[0].weight, moco.momentum_network[0].weight)
    before = moco.momentum_network[0].weight.clone()
    with torch.no_grad():
        moco.network[0].weight += 1
    moco.move_keys(0.9)
    expected = 0.9 * before + 0.1 * moco.network[0].weight.detach()
    torch.testing.assert_close(moco.momentum_network[0].weight, expected)
    moco.move_keys(1.0)
    torch.testing.assert_close(moco.momentum_network[0].weight, expected)


def test_each_network_keeps_its_own_running_statistics() -> None:
    moco = model()
    moco(*batch())
    theirs, ours = moco.momentum_network[1].running_mean, moco.network[1].running_mean
    assert theirs.data_ptr() != ours.data_ptr()
    torch.testing.assert_close(theirs, ours)  # equal weights saw the same views
    with torch.no_grad():
        moco.network[0].weight *= 3
    moco(*batch(seed=1))
    assert not torch.allclose(theirs, ours)


def test_old_keys_are_further_negatives() -> None:
    plain, queued = model(), model(queue=20)
    first, second = batch(seed=1), batch(seed=2)
    torch.testing.assert_close(plain(*first), queued(*first))
    assert len(queued.queue.filled_keys) == 20
    assert (queued(*second) > plain(*second)).item()


def test_coarse_labels_matter_only_with_their_weight() -> None:
    x1, x2, coarse = batch()
    shuffled = torch.arange(12) // 4
    without, with_ = model(), model(coarse_weight=0.5)
    assert torch.equal(copy.deepcopy(without)(x1, x2, coarse), without(x1, x2, shuffled))
    assert not torch.equal(copy.deepcopy(with_)(x1, x2, coarse), with_(x1, x2, shuffled))


def test_half_precision_leaves_the_loss_in_full() -> None:
    x1, x2, coarse = batch()
    full = model()(x1, x2, coarse)
    with torch.autocast("cpu", torch.bfloat16):
        half = model()(x1, x2, coarse)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, full, rtol=0.02, atol=0)
