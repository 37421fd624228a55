"""Which views a network is trained with: those of its kind of samples.

Place: asked by whatever calls `pretrain`, in this process or in others.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from falcon_svc.encoder.moco_config import MocoConfig
from falcon_svc.encoder.preprocessing import Seen, VectorInput
from falcon_svc.encoder.vector_views import VectorViews
from falcon_svc.encoder.views import ImageViews, Views


def training_views(seen: Seen, samples: NDArray[Any], config: MocoConfig) -> Views:
    """Return the views of images, or of vectors such as `samples` (N, D)."""
    if isinstance(seen, VectorInput):
        return VectorViews(samples, config.vectors)
    return ImageViews(seen, config.views)
