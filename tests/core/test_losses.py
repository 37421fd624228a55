"""Every loss against a plain loop, a law, a case done by hand, and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from falcon_svc.core import (
    balance_loss,
    children_of,
    coarse_loss,
    confidence_loss,
    confidence_target,
    neighbor_loss,
    take_children,
)

RELATION = torch.tensor(
    [[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.bool
)  # (F, C); the last fine class is unused
CHILDREN = children_of(RELATION)
N_FINE, N_COARSE = RELATION.shape


def draw(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def labels(seed: int, n: int) -> Tensor:
    return torch.randint(N_COARSE, (n,), generator=torch.Generator().manual_seed(seed))


def child_log_prob(logits: Tensor, coarse: Tensor) -> Tensor:
    return take_children(torch.log_softmax(logits, dim=-1), coarse, CHILDREN)


def softmax(scores: np.ndarray) -> np.ndarray:
    return np.exp(scores) / np.exp(scores).sum()


# --- coarse ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_coarse_loss_equals_a_loop_over_samples_and_classes(seed: int) -> None:
    logits, coarse = draw(seed, 9, N_FINE), labels(seed, 9)
    wanted = []
    for row, y in zip(logits.numpy(), coarse.tolist(), strict=True):
        prob = softmax(row)
        wanted.append(-math.log(sum(prob[i] for i in range(N_FINE) if RELATION[i, y])))
    np.testing.assert_allclose(coarse_loss(child_log_prob(logits, coarse)), wanted)


def test_coarse_loss_pushes_all_children_in_proportion_to_their_probability() -> None:
    logits = draw(0, 1, N_FINE).requires_grad_()
    coarse_loss(child_log_prob(logits, torch.tensor([0]))).sum().backward()
    prob = torch.softmax(logits.detach(), dim=1)[0]
    inside = RELATION[:, 0]
    share = (logits.grad[0] / prob)[inside]
    assert torch.allclose(share, share[0].expand_as(share))


def test_coarse_loss_of_uniform_probability_is_log_of_the_share_of_children() -> None:
    loss = coarse_loss(child_log_prob(torch.zeros(1, N_FINE), torch.tensor([0])))
    assert loss.item() == pytest.approx(math.log(7 / 3))


# --- neighbor consistency ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_neighbor_loss_equals_a_loop_over_neighbors(seed: int) -> None:
    logits, near, coarse = draw(seed, 6, N_FINE), draw(seed + 9, 6, 4, N_FINE), labels(seed, 6)
    wanted = []
    for b, y in enumerate(coarse.tolist()):
        prob, terms = softmax(logits[b].numpy()), []
        for other in near[b].numpy():
            inside = [i for i in range(N_FINE) if RELATION[i, y]]
            terms.append(-math.log(sum(prob[i] * softmax(other)[i] for i in inside)))
        wanted.append(np.mean(terms))
    flat = child_log_prob(near.reshape(-1, N_FINE), coarse.repeat_interleave(4))
    got = neighbor_loss(child_log_prob(logits, coarse), flat.reshape(6, 4, -1))
    np.testing.assert_allclose(got, wanted)


def test_neighbor_loss_over_all_classes_is_the_papers() -> None:
    log_prob = torch.log_softmax(draw(0, 5, N_FINE), dim=-1)
    near = torch.log_softmax(draw(1, 5, 2, N_FINE), dim=-1)
    wanted = -torch.einsum("bf,blf->bl", log_prob.exp(), near.exp()).log().mean(dim=1)
    torch.testing.assert_close(neighbor_loss(log_prob, near), wanted)


def test_scale_of_the_neighbors_moves_the_neighbor_loss_but_not_its_gradient() -> None:
    gradients = []
    for shift in (0.0, 5.0):
        logits = draw(0, 4, N_FINE).requires_grad_()
        child = child_log_prob(logits, labels(0, 4))
        neighbor_loss(child, draw(1, 4, 3, child.shape[1]) + shift).sum().backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_neighbor_loss_is_zero_where_all_are_sure_of_one_class() -> None:
    sure = torch.log_softmax(torch.tensor([[50.0, 0.0]], dtype=torch.float64), dim=1)
    assert neighbor_loss(sure, sure[:, None, :]).item() == pytest.approx(0, abs=1e-9)


def test_neighbor_loss_stays_finite_where_the_dot_product_underflows() -> None:
    mine = torch.log_softmax(torch.tensor([[200.0, 0.0]]), dim=1)
    theirs = torch.log_softmax(torch.tensor([[[0.0, 200.0]]]), dim=2)
    assert neighbor_loss(mine, theirs).item() == pytest.approx(200 - math.log(2), rel=1e-5)


# --- confidence -------------------------------------------------------------------------------


@pytest.mark.parametrize("soft", [0.0, 0.3, 1.0])
def test_confidence_equals_a_loop_over_classes(soft: float) -> None:
    logits, teacher, coarse = draw(0, 6, N_FINE), draw(1, 6, N_FINE), labels(2, 6)
    wanted = []
    for b, y in enumerate(coarse.tolist()):
        inside = [i for i in range(N_FINE) if RELATION[i, y]]
        q = softmax(teacher[b].numpy()[inside] / 0.9)
        q = soft * q + (1 - soft) * (np.arange(len(q)) == q.argmax())
        wanted.append(-(q * np.log(softmax(logits[b].numpy())[inside])).sum())
    scores = take_children(teacher, coarse, CHILDREN)
    target = confidence_target(scores, temperature=0.9, soft_weight=soft)
    np.testing.assert_allclose(confidence_loss(child_log_prob(logits, coarse), target), wanted)


def test_targets_are_distributions_over_the_children() -> None:
    coarse = labels(0, 20)
    scores = take_children(draw(0, 20, N_FINE), coarse, CHILDREN)
    target = confidence_target(scores, temperature=0.5, soft_weight=0.4)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(20, dtype=torch.float64))
    assert (target[~CHILDREN.valid[coarse]] == 0).all()


def test_target_by_hand() -> None:
    scores = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)
    target = confidence_target(scores, temperature=1.0, soft_weight=0.5)
    torch.testing.assert_close(target, torch.tensor([[0.125, 0.875]], dtype=torch.float64))


def test_lower_temperature_sharpens() -> None:
    scores = draw(3, 5, 4)
    cold = confidence_target(scores, temperature=0.5, soft_weight=1.0)
    warm = confidence_target(scores, temperature=1.5, soft_weight=1.0)
    assert (cold.max(dim=1).values > warm.max(dim=1).values).all()


# --- balance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("with_prior", [False, True])
def test_balance_equals_a_loop(with_prior: bool) -> None:
    log_prob = torch.log_softmax(draw(0, 12, N_FINE), dim=1)
    prior = torch.arange(1.0, N_FINE + 1, dtype=torch.float64) if with_prior else None
    weights = prior.numpy() if prior is not None else np.ones(N_FINE)
    mean = np.exp(log_prob.numpy()).mean(axis=0)
    wanted = sum(mean[i] * math.log(mean[i] / (weights[i] / weights.sum())) for i in range(N_FINE))
    assert balance_loss(log_prob, prior).item() == pytest.approx(wanted)


def test_balance_without_a_prior_is_the_papers_entropy_term() -> None:
    log_prob = torch.log_softmax(draw(0, 12, N_FINE), dim=1)
    mean = log_prob.exp().mean(dim=0)
    wanted = (mean * mean.log()).sum() + math.log(N_FINE)
    torch.testing.assert_close(balance_loss(log_prob), wanted)


def test_balance_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    prior = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    assert balance_loss(prior.log()[None], prior).item() == pytest.approx(0, abs=1e-12)
    assert balance_loss(prior.log()[None]).item() > 0


def test_balance_of_one_class_alone_is_log_f() -> None:
    one = torch.tensor([[0.0, -torch.inf, -torch.inf, -torch.inf]])
    assert balance_loss(one).item() == pytest.approx(math.log(4))


def test_a_prior_of_zero_is_dear_but_finite() -> None:
    loss = balance_loss(torch.log_softmax(draw(0, 3, 4), dim=1), torch.tensor([1.0, 1, 1, 0]))
    assert torch.isfinite(loss)


# --- gradients --------------------------------------------------------------------------------


def test_gradients_equal_finite_differences() -> None:
    coarse, near = labels(0, 3), draw(1, 3, 2, CHILDREN.width)
    target = confidence_target(
        take_children(draw(2, 3, N_FINE), coarse, CHILDREN), temperature=0.9, soft_weight=0.5
    )
    prior = torch.linspace(1, 2, N_FINE, dtype=torch.float64)

    def every_loss(logits: Tensor) -> Tensor:
        child = child_log_prob(logits, coarse)
        per_sample = coarse_loss(child) + neighbor_loss(child, near)
        per_sample = per_sample + confidence_loss(child, target)
        balance = balance_loss(torch.log_softmax(logits, dim=1), prior)
        return torch.cat([per_sample, balance[None]])

    assert torch.autograd.gradcheck(every_loss, draw(3, 3, N_FINE).requires_grad_())


def test_gradients_stay_finite_at_extreme_logits() -> None:
    logits = torch.tensor([[1e4, -1e4, 0, 0, 0, -1e4, 3e4]]).requires_grad_()
    coarse = torch.tensor([0])
    child = child_log_prob(logits, coarse)
    target = confidence_target(child.detach(), temperature=0.9, soft_weight=0.5)
    near = torch.log_softmax(torch.zeros(1, 2, CHILDREN.width), dim=2)
    total = coarse_loss(child) + neighbor_loss(child, near) + confidence_loss(child, target)
    (total.sum() + balance_loss(torch.log_softmax(logits, dim=1))).backward()
    assert torch.isfinite(logits.grad).all()
