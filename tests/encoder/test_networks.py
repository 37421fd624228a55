"""Networks: shapes, widths, gradients, and what sides and channels they take."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from falcon_svc.encoder.backbones.networks import NETWORKS, SMALL_SIDE, make_network

DIMS = {"conv": 2048, "resnet18": 512, "resnet50": 2048, "vit_small": 384}


def test_every_network_is_tested() -> None:
    assert set(DIMS) == set(NETWORKS)


@pytest.mark.parametrize(
    ("name", "channels", "side"),
    [
        ("conv", 1, 28),
        ("conv", 3, 32),
        ("resnet18", 1, 28),
        ("resnet50", 3, 32),
        ("vit_small", 3, 32),
    ],
)
def test_images_become_vectors_and_every_weight_gets_a_finite_gradient(
    name: str, channels: int, side: int
) -> None:
    torch.manual_seed(0)
    network = make_network(name, channels=channels, side=side)
    features = network(torch.randn(2, channels, side, side))
    assert features.shape == (2, network.dim) == (2, DIMS[name])
    features.square().sum().backward()
    for weight in network.parameters():
        if weight.requires_grad:
            assert weight.grad is not None
            assert bool(weight.grad.isfinite().all())
    assert any(bool(weight.grad.any()) for weight in network.parameters() if weight.requires_grad)


@pytest.mark.parametrize("name", ["conv", "resnet18", "vit_small"])
@pytest.mark.parametrize("side", [1, 5, SMALL_SIDE, 105, 224])
def test_any_side_becomes_a_finite_vector(name: str, side: int) -> None:
    network = make_network(name, channels=1, side=side)
    with torch.no_grad():
        features = network(torch.randn(2, 1, side, side))
    assert features.shape == (2, DIMS[name])
    assert bool(features.isfinite().all())


def test_small_images_keep_their_resolution_at_the_entrance_of_a_resnet() -> None:
    small = make_network("resnet18", channels=3, side=32).body
    large = make_network("resnet18", channels=3, side=224).body
    assert small.conv1.kernel_size == (3, 3)
    assert isinstance(small.maxpool, nn.Identity)
    assert large.conv1.kernel_size == (7, 7)
    assert isinstance(large.maxpool, nn.MaxPool2d)


def test_positions_of_the_transformer_are_fixed_and_all_different() -> None:
    body = make_network("vit_small", channels=1, side=28).body
    positions = body.encoder.pos_embedding
    assert not positions.requires_grad
    grid = positions[0, 1:]
    assert grid.shape == (49, 384)
    assert float((torch.cdist(grid, grid) + 9 * torch.eye(49)).min()) > 1
    # Neighbors along either axis are equally far apart.
    right, down = (grid[0] - grid[1]).norm(), (grid[0] - grid[7]).norm()
    torch.testing.assert_close(right, down)


@pytest.mark.parametrize("name", ["conv", "resnet18"])
def test_channels_last_changes_nothing_but_speed(name: str) -> None:
    torch.manual_seed(0)
    network = make_network(name, channels=3, side=32).eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        plain = network(images)
        last = network.to(memory_format=torch.channels_last)(
            images.contiguous(memory_format=torch.channels_last)
        )
    torch.testing.assert_close(plain, last, rtol=1e-4, atol=1e-4)
