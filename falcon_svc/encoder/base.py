"""What an encoder is, so that others can be added without touching the feature step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from falcon_svc.types import FloatArray, Images

Progress = Callable[[int, int], None]


class Encoder(Protocol):
    """Turns images into vectors; made for one data set."""

    @property
    def spec(self) -> str:
        """One canonical line: equal specs (weights included) give equal vectors."""
        ...

    @property
    def dim(self) -> int:
        """D, the components of a vector."""
        ...

    def encode(self, images: Images, out: FloatArray, progress: Progress | None) -> None:
        """Fill `out` (N, D) float32; `progress` is called with (images done, N)."""
        ...
