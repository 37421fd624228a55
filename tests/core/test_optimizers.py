"""Our optimizers move weights as torch's classes do, bit for bit, without loading its compiler."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch

from falcon_svc.core import SGD, Adam
from tests.architecture.sources import within

PAIRS = {
    "adam": (
        lambda groups: Adam(groups, 0.1),
        lambda groups: torch.optim.Adam(groups, lr=0.1, fused=True),
    ),
    "adamw": (
        lambda groups: Adam(groups, 0.1, weight_decay=0.2),
        lambda groups: torch.optim.AdamW(groups, lr=0.1, weight_decay=0.2, fused=True),
    ),
    "one by one": (
        lambda groups: Adam(groups, 0.1, fused=False),
        lambda groups: torch.optim.Adam(groups, lr=0.1),
    ),
    "groups": (
        lambda groups: Adam(_decaying(groups), 0.1, betas=(0.9, 0.99)),
        lambda groups: torch.optim.AdamW(_decaying(groups), 0.1, betas=(0.9, 0.99), fused=True),
    ),
    "sgd": (
        lambda groups: SGD(groups, 0.1),
        lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9, fused=True),
    ),
}


def _decaying(groups: list[dict[str, object]]) -> list[dict[str, object]]:
    own = zip(groups, (0.2, 0.0), strict=True)
    return [{**group, "weight_decay": decay} for group, decay in own]


def weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 3), (5,), (2, 2))
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def push(own: list[torch.Tensor], step: int, *, all_of_them: bool = True) -> None:
    """Gradients of a step; or the last weight has one only now and then."""
    generator = torch.Generator().manual_seed(step)
    for j, weight in enumerate(own):
        drawn = torch.randn(weight.shape, generator=generator)
        weight.grad = drawn if j < 2 or step % 2 or all_of_them else None


def groups_of(own: list[torch.Tensor]) -> list[dict[str, object]]:
    return [{"params": own[:1], "share": 1.0}, {"params": own[1:], "lr": 0.03}]


@pytest.mark.parametrize("name", PAIRS)
def test_steps_are_those_of_torch(name: str) -> None:
    mine, theirs = weights(), weights()
    ours, torchs = PAIRS[name][0](groups_of(mine)), PAIRS[name][1](groups_of(theirs))
    for step in range(6):
        for own, optimizer in ((mine, ours), (theirs, torchs)):
            optimizer.zero_grad()
            push(own, step, all_of_them=name == "sgd")  # torch's own falls over it
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("name", PAIRS)
def test_moments_taken_over_go_on_as_they_would_have(name: str) -> None:
    first, second = weights(), weights()
    make = PAIRS[name][0]
    ours, later = make(groups_of(first)), make(groups_of(second))
    for step in range(4):
        push(first, step)
        ours.step()
    with torch.no_grad():
        for own, taken in zip(second, first, strict=True):
            own.copy_(taken)
    later.load({name: moment.clone() for name, moment in ours.tensors().items()})
    for own, optimizer in ((first, ours), (second, later)):
        push(own, 7)
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_gradients_are_forgotten() -> None:
    own = weights()
    optimizer = Adam(groups_of(own), 0.1)
    push(own, 1)
    optimizer.zero_grad()
    assert all(weight.grad is None for weight in own)


def test_a_step_does_not_load_the_compiler() -> None:
    code = """
import sys, torch
from falcon_svc.core import Adam
weight = torch.ones(2, requires_grad=True)
optimizer = Adam([{"params": [weight]}], 0.1)
weight.sum().backward()
optimizer.step()
sys.exit("torch._dynamo" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_trains_by_the_classes_that_load_the_compiler() -> None:
    """But for benchmarks of other programs."""
    classes = re.compile(r"\btorch\.optim\.[A-Z]\w*\(")
    using = [m.path for m in within("falcon_svc") if classes.search(m.text)]
    assert {path.parent.name for path in using} == {"bench"}
