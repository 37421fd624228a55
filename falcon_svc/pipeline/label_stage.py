"""The stage that judges coarse labels, where the settings ask for it.

Place: between the stages "features" and "structure" of `falcon_svc.pipeline.stages`.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.labels.noise import find_label_noise, withheld
from falcon_svc.pipeline.found import Judged
from falcon_svc.pipeline.record import Recorder
from falcon_svc.result.record import LabelNoise
from falcon_svc.types import CoarseDataset, FloatArray, LabelSource

_log = logging.getLogger(__name__)


def judged_labels(
    features: FloatArray,
    dataset: CoarseDataset,
    bounds: CountBounds,
    config: DiscoveryConfig,
    recorder: Recorder,
) -> Judged:
    """Return what is thought of each source's labels, and the data set with those believed.

    Parameters
    ----------
    features
        (N, D) of the data set.
    bounds
        Bounds of the first source; every coarse class keeps as many labels as it may need.
    config, recorder
        Settings, and whom to tell.
    """
    found: list[LabelNoise] = []
    sources: list[LabelSource] = []
    with threadpool_limits(1):
        for place, source in enumerate(dataset.sources):
            rate, seed = config.labels.rate, config.seed
            noise = find_label_noise(features, source, rate, seed=seed, on_round=recorder.step)
            needed = bounds.needed if place == 0 else np.ones(source.n_coarse, np.int64)
            sources.append(withheld(source, noise, needed))
            if noise is None:
                _log.warning("labels of %r cannot be judged; all are believed", source.name)
            else:
                found.append(noise)
    return Judged(tuple(found), replace(dataset, sources=tuple(sources)))
