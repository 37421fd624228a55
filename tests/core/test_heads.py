from __future__ import annotations

import copy

import pytest
import safetensors.torch
import torch
from torch import nn

from falcon_svc.core import HEAD_KINDS, make_head, make_teacher


def head(kind: str, *, learned: bool = False, seed: int = 0) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(5, 7, generator=generator)
    bias = torch.randn(5, generator=generator)
    return make_head(
        kind,
        weight,
        bias,
        hidden=11,
        temperature=0.2,
        learned_temperature=learned,
        generator=generator,
    )


X = torch.randn(6, 7, generator=torch.Generator().manual_seed(9))


def test_mlp_starts_as_the_linear_head_and_trains_away_from_it() -> None:
    linear, mlp = head("linear"), head("mlp")
    torch.testing.assert_close(mlp(X), linear(X))
    optimizer = torch.optim.SGD(mlp.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        mlp(X).square().mean().backward()
        optimizer.step()
    assert mlp.outer.abs().max() > 0
    assert mlp.inner.grad.abs().max() > 0


def test_linear_head_by_hand() -> None:
    made = head("linear")
    torch.testing.assert_close(made(X), X @ made.weight.T + made.bias)


def test_prototype_head_knows_directions_only() -> None:
    made = head("prototype")
    torch.testing.assert_close(made(X), made(3 * X))
    cosine = torch.cosine_similarity(X[:, None], made.weight[None], dim=2)
    torch.testing.assert_close(made(X), (cosine + made.bias) / 0.2)


def test_prototypes_of_one_length_start_with_the_linear_heads_decisions() -> None:
    unit = nn.functional.normalize(X, dim=1)
    linear = head("linear")
    weight = 6 * nn.functional.normalize(linear.weight.detach(), dim=1)
    bias = 10 * linear.bias.detach()
    options = {"hidden": 1, "temperature": 0.1, "learned_temperature": False}
    made = [
        make_head(kind, weight, bias, **options, generator=torch.Generator())(unit)
        for kind in ("linear", "prototype")
    ]
    torch.testing.assert_close(made[1], made[0] / 0.6)


@pytest.mark.parametrize("learned", [True, False])
def test_temperature_is_trained_only_if_asked(learned: bool) -> None:
    made = head("prototype", learned=learned)
    made(X).square().sum().backward()
    assert (made.log_temperature.grad is not None) == learned


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_state_survives_safetensors(kind: str) -> None:
    made, other = head(kind), head(kind, seed=1)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(made.state_dict())))
    assert torch.equal(made(X), other(X))


@pytest.mark.parametrize("kind", HEAD_KINDS)
def test_a_head_does_not_share_its_start(kind: str) -> None:
    weight = torch.zeros(2, 3)
    made = make_head(
        kind,
        weight,
        torch.zeros(2),
        hidden=2,
        temperature=1.0,
        learned_temperature=False,
        generator=torch.Generator(),
    )
    with torch.no_grad():
        made.weight.add_(1)
    assert weight.abs().max() == 0


def test_teacher_is_the_warmed_up_average() -> None:
    student = head("linear")
    teacher = make_teacher(student, 0.99)
    wanted = copy.deepcopy(student.weight.detach())
    for n in range(15):
        with torch.no_grad():
            student.weight.add_(1.0)
        teacher.update_parameters(student)
        momentum = min(0.99, (1 + n) / (10 + n)) if n else 0.0  # the first update copies
        wanted = momentum * wanted + (1 - momentum) * student.weight.detach()
    torch.testing.assert_close(teacher.module.weight.detach(), wanted)


def test_teacher_needs_no_gradient() -> None:
    assert not any(p.requires_grad for p in make_teacher(head("mlp"), 0.9).parameters())


def test_buffers_of_an_encoder_follow_the_student() -> None:
    student = nn.Sequential(nn.BatchNorm1d(7), head("linear"))
    teacher = make_teacher(student, 0.99)
    for _ in range(3):
        student(X)
        teacher.update_parameters(student)
    assert torch.equal(teacher.module[0].running_mean, student[0].running_mean)
