"""What the training loop draws its batches from: vectors, or whatever a larger network takes.

Place: argument of `falcon_svc.hierarchy.classifier.train.train`. Images that train an encoder too
are another kind (`falcon_svc.joint.image_samples.ImageRows`).

Shapes: N rows, of which some may be trained on; B batch; what follows it is what the student takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Samples(Protocol):
    """N rows of samples, and how those that are trained on are cut into batches."""

    def __len__(self) -> int:
        """Return how many rows are trained on."""
        ...

    def batches(self, size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """Return the row numbers (B,) of an epoch's batches, in an order that is drawn."""
        ...

    def inputs(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return rows (B,) as the student sees them while it is trained: (B, ...)."""
        ...

    def update(self, digest: hashlib._Hash) -> None:
        """Add the content of the samples to a digest."""
        ...


class Vectors:
    """Vectors as they are, all of them.

    Parameters
    ----------
    table
        (N, D) float32.
    """

    def __init__(self, table: Tensor) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def batches(self, size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """Return batches of `size` rows; the last one may be shorter."""
        return torch.split(torch.randperm(len(self), generator=generator), size)

    def inputs(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return (B, D)."""
        return self._table[rows]

    def update(self, digest: hashlib._Hash) -> None:
        """Add shape, type and content."""
        update_with(digest, self._table)


def update_with(digest: hashlib._Hash, tensor: Tensor) -> None:
    """Add shape, type and content of a tensor to a digest."""
    digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
