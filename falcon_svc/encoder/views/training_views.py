"""Which views a network is trained with: those of its kind of samples.

Place: asked by whatever trains an encoder, in this process or in others. Where raw pixels already
tell coarse classes apart, images are placed alike and their place means something: a sleeve is
where sleeves are. Views then bend and move them the less. Coarse labels only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from falcon_svc.encoder.moco.collapse import coarse_purity
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.pretrain_state import probed_rows, purity_by_chance
from falcon_svc.encoder.preprocessing import Seen, VectorInput
from falcon_svc.encoder.views.image_views import ImageViews, Views
from falcon_svc.encoder.views.vector_views import VectorViews
from falcon_svc.types import IntArray


def training_views(
    seen: Seen, samples: NDArray[Any], coarse: IntArray, config: MocoConfig
) -> Views:
    """Return the views of images (N, C, S, S) uint8, or of vectors (N, D).

    Parameters
    ----------
    seen
        How networks see the samples.
    samples, coarse
        What is trained on, and its coarse labels (N,), -1 unknown.
    config
        Kind and strength.
    """
    if isinstance(seen, VectorInput):
        return VectorViews(samples, config.vectors)
    skill = pixel_skill(samples, coarse) if seen.channels == 1 else 0.0
    return ImageViews(seen, config.views.strengths(seen.channels, pixel_skill=skill))


def pixel_skill(samples: NDArray[Any], coarse: IntArray) -> float:
    """Return how well raw pixels tell coarse classes apart: purity from chance, 0, to 1.

    Purity is that of the nearest neighbors of some labelled samples among each other, see
    `coarse_purity`. 0 where fewer than two samples are labelled or all are of one class.
    """
    rows = probed_rows(coarse)
    pixels = torch.from_numpy(np.asarray(samples[rows])).flatten(1).float()
    purity = coarse_purity(pixels, torch.from_numpy(coarse[rows]))
    chance = purity_by_chance(coarse[rows])
    if purity is None or chance >= 1:
        return 0.0
    return max(0.0, (purity - chance) / (1 - chance))
