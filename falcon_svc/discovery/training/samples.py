"""What the loop trains on: rows as the student sees them, and as the teacher does.

Place: argument of `discovery.training.trainer.train`. Cached features look the same to both.
Where an encoder is trained too (`falcon_svc.joint`), the student sees a strong view of an image
and the teacher a weak one, as in section 4 of FALCON (ICML 2024).

Shapes: B batch; what follows it is whatever the student takes.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falcon_svc.types import FloatArray

_PIECE_BYTES = 1 << 24


class TrainSamples(Protocol):
    """N samples, read by row numbers that lie on `device`, at most `most_rows` at once."""

    device: torch.device
    most_rows: int

    def __len__(self) -> int: ...

    def views(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return rows (B,) as the student sees them, and as the teacher does: (B, ...) each."""
        ...

    def weak(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return rows (B,) as the teacher sees them: (B, ...)."""
        ...

    def clean(self, rows: Tensor) -> Tensor:
        """Return rows (B,) without any chance in them: (B, ...)."""
        ...

    def update(self, digest: hashlib._Hash) -> None:
        """Add the content of all samples to a digest."""
        ...


class FrozenFeatures:
    """Cached features: one view, the same for student and teacher.

    Parameters
    ----------
    features
        (N, D) float32, possibly a read-only memory map.
    device
        A torch device that they fit on.
    """

    def __init__(self, features: FloatArray, device: str) -> None:
        self.device = torch.device(device)
        self.most_rows = max(1, len(features))
        self._array = features
        self._table = on_device(features, device)

    def __len__(self) -> int:
        return len(self._table)

    def views(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the features (B, D), twice."""
        x = self.clean(rows)
        return x, x

    def weak(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return the features (B, D)."""
        return self.clean(rows)

    def clean(self, rows: Tensor) -> Tensor:
        """Return the features (B, D)."""
        return self._table.index_select(0, rows)

    def update(self, digest: hashlib._Hash) -> None:
        """Add all features to a digest."""
        update_digest(digest, self._array)


def on_device(features: FloatArray, device: str) -> Tensor:
    """Return the features as a tensor: a view of the array (or its memory map) on the CPU."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(features)).to(device)


def update_digest(digest: hashlib._Hash, array: NDArray[np.generic] | None) -> None:
    """Add shape, type and content of an array; a memory map is read piece by piece."""
    if array is None:
        digest.update(b"none")
        return
    array = np.atleast_1d(array)
    digest.update(f"{array.shape}{array.dtype}".encode())
    step = max(1, _PIECE_BYTES // max(1, array[:1].nbytes))
    for first in range(0, len(array), step):
        digest.update(np.ascontiguousarray(array[first : first + step]).data)


def shuffled_batches(rows: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Shuffle rows (n,) into batches of about `size`, all of nearly the same length."""
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    return rows[order].tensor_split(max(1, round(len(rows) / size)))


def sample_neighbors(
    neighbors: Tensor, rows: Tensor, count: int, generator: torch.Generator
) -> Tensor:
    """Draw `count` of the K neighbors (N, K) of every row, without replacement: (B, L)."""
    every = neighbors.index_select(0, rows)  # (B, K)
    keys = torch.rand(every.shape, generator=generator)
    drawn = keys.topk(min(count, every.shape[1]), dim=1, sorted=False).indices
    return every.gather(1, drawn.to(every.device))
