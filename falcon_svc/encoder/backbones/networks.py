"""The networks that images are trained with: a small one for CPUs, ResNets, a vision transformer.

Place: below `moco`, `pretrain` and `network_encoder`. Sources: ResNet for small images as in
solo-learn and FALCON (first convolution 3x3 of stride 1 and padding 2, no pooling after it);
ViT-small with fixed positions as in MoCo v3 (Chen, Xie & He, ICCV 2021). torchvision, which takes
seconds to load, is loaded by those who need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

SMALL_SIDE = 64
"""Up to this side, px, images are small: ResNets then keep their resolution at the entrance."""
CONV_GRID = 4
"""Places per side of which `conv` keeps the means: where a part lies is worth knowing."""


class Network(nn.Module):
    """A network that ends in a vector.

    Parameters
    ----------
    body
        (B, C, S, S) float -> (B, dim).
    dim
        Components of the vector.
    """

    def __init__(self, body: nn.Module, dim: int) -> None:
        super().__init__()
        self.body = body
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, dim) features of (B, C, S, S) images."""
        features: Tensor = self.body(x)
        return features


def make_network(name: str, *, channels: int, side: int) -> Network:
    """Return an untrained network.

    Parameters
    ----------
    name
        One of `NETWORKS`.
    channels
        C of its input: 1 or 3.
    side
        S of its input, px; only vit_small is bound to it afterwards.
    """
    return NETWORKS[name](channels, side)


def _conv(channels: int, side: int) -> Network:
    """Return four 3x3 convolutions with batch norm, then means over a grid: made for CPUs.

    Three of them halve the side, so that most of the arithmetic happens on few places.
    """
    widths, strides = (32, 64, 128, 128), (2, 2, 1, 2)
    blocks = map(_conv_block, (channels, *widths[:-1]), widths, strides)
    pooled = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(CONV_GRID), nn.Flatten())
    return Network(pooled, widths[-1] * CONV_GRID**2)


def _conv_block(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Sequential(
        _first(nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _first(conv: nn.Conv2d) -> nn.Conv2d:
    """Draw first weights as torchvision's ResNets do."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def _resnet(name: str, channels: int, side: int) -> Network:
    """Take off the classifier, and fit the entrance to channels and side."""
    from torchvision import models

    network = models.get_model(name, weights=None)
    dim = int(network.fc.in_features)
    network.fc = nn.Identity()
    small = side <= SMALL_SIDE
    size, stride, padding = (3, 1, 2) if small else (7, 2, 3)
    network.conv1 = _first(nn.Conv2d(channels, 64, size, stride, padding, bias=False))
    if small:
        network.maxpool = nn.Identity()
    return Network(network, dim)


def _vit_small(channels: int, side: int) -> Network:
    """Return a ViT of 12 layers, 6 heads and width 384 that reads patches of 4 or 16 px.

    A side that is no multiple of the patch is resized to the next smaller one.
    """
    from torchvision.models import VisionTransformer

    width, patch = 384, 4 if side <= SMALL_SIDE else 16
    places = max(1, side // patch)
    fitted = places * patch
    network = VisionTransformer(fitted, patch, 12, 6, width, 4 * width)
    network.heads = nn.Identity()
    network.conv_proj = nn.Conv2d(channels, width, patch, patch)
    network.encoder.pos_embedding = nn.Parameter(_positions(places, width), requires_grad=False)
    if fitted == side:
        return Network(network, width)
    return Network(nn.Sequential(nn.Upsample((fitted, fitted), mode="bilinear"), network), width)


def _positions(places: int, width: int) -> Tensor:
    """Return (1, 1 + places^2, width): sines and cosines of column and row; zeros for the class."""
    rate = torch.exp(torch.arange(width // 4) * (-math.log(10_000) / (width // 4)))
    angle = torch.arange(places)[:, None] * rate  # (places, width / 4)
    wave = torch.cat([angle.sin(), angle.cos()], dim=1)  # (places, width / 2)
    column = wave[None].expand(places, -1, -1)
    row = wave[:, None].expand(-1, places, -1)
    grid = torch.cat([column, row], dim=2).reshape(places**2, width)
    return torch.cat([torch.zeros(1, width), grid])[None]


NETWORKS: dict[str, Callable[[int, int], Network]] = {
    "conv": _conv,
    "resnet18": partial(_resnet, "resnet18"),
    "resnet50": partial(_resnet, "resnet50"),
    "vit_small": _vit_small,
}
