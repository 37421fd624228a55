"""The network that vectors are trained with: standardisation, then four linear layers.

Place: below `moco_encoder` and `network_encoder`. Source: the MLP of FALCON for single cells (four
linear layers, ReLU; width 64), with batch norm between them, which MoCo needs to learn quickly.

Shapes: B batch, D components of a vector, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from falcon_svc.types import FloatArray


class VectorNetwork(nn.Module):
    """(B, D) -> (B, dim).

    Parameters
    ----------
    n_dims
        D.
    width
        Units of every layer.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_dims: int, width: int) -> None:
        super().__init__()
        self.dim = width
        self.register_buffer("mean", torch.zeros(n_dims))
        self.register_buffer("scale", torch.ones(n_dims))
        sizes = (n_dims, width, width, width)
        hidden = [part for size in sizes[:3] for part in _layer(size, width)]
        self.layers = nn.Sequential(*hidden, nn.Linear(width, width))

    def standardise_like(self, vectors: FloatArray, *, each: bool) -> None:
        """Take mean and deviation of (N, D) vectors.

        One deviation for all components keeps distances as they are, which principal components
        and embeddings need; with `each` every component gets its own, as is usual for genes.
        """
        found = torch.from_numpy(vectors.std(axis=0))
        scale = found if each else found.square().mean().sqrt().expand_as(found)
        self.mean.copy_(torch.from_numpy(vectors.mean(axis=0)))
        self.scale.copy_(torch.where(scale > 0, scale, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, dim)."""
        features: Tensor = self.layers((x - self.mean) / self.scale)
        return features


def _layer(inputs: int, width: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(inplace=True)
