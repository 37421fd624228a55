"""Random views of samples, made for whole batches at once and on the batch's device.

Place: between `batches`, which gathers samples, and the training loops, which know samples only
as tensors. `ImageViews` is for images; other kinds of samples bring their own `Views`.
Source: the asymmetric views of MoCo v3 (Chen, Xie & He, ICCV 2021) for small images.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.views.colour import erase_some, recolour
from falcon_svc.encoder.views.config import ViewStrengths
from falcon_svc.encoder.views.geometry import draw_affine, sample


class Views(Protocol):
    """Views of a batch (B, ...) as networks read them; equal generators give equal views."""

    def two(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return two random views, each (B, ...) float."""
        ...

    def strong(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view, as far from the sample as those of `two`."""
        ...

    def weak(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view near the sample."""
        ...

    def clean(self, batch: Tensor) -> Tensor:
        """Return the samples themselves."""
        ...


class ImageViews:
    """Views of images (B, C, S, S) uint8, normalised.

    Parameters
    ----------
    preprocessing
        Mean and deviation of the data.
    strengths
        How far views may be from the image.
    """

    def __init__(self, preprocessing: Preprocessing, strengths: ViewStrengths) -> None:
        self._preprocessing = preprocessing
        self._strengths = strengths

    def two(self, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return two random views; only the second may be solarized."""
        first = self._view(batch, self._strengths.first(), generator)
        return first, self._view(batch, self._strengths, generator)

    def strong(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view of full strength."""
        return self._view(batch, self._strengths, generator)

    def weak(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Return one random view that shows most of the image in true colours."""
        return self._view(batch, self._strengths.weak(), generator)

    def clean(self, batch: Tensor) -> Tensor:
        """Return the images, normalised."""
        return self._preprocessing.normalise(batch)

    def _view(self, batch: Tensor, strengths: ViewStrengths, generator: torch.Generator) -> Tensor:
        images = batch.float().div_(255)
        affine = draw_affine(len(images), strengths, generator, images.device)
        images = recolour(sample(images, affine.matrices()), strengths, generator)
        seen = self._preprocessing
        mean, std = (images.new_tensor(v).view(-1, 1, 1) for v in (seen.mean, seen.std))
        return erase_some(images.sub_(mean).div_(std), strengths, generator)
