"""The 2-D map of a report: two axes that keep the coarse classes and their insides apart.

Principal components of the head inputs of at most `MAX_POINTS` samples, the same share of each
coarse class. Linear and exact for a seed; neighbor embeddings look better but invent gaps.
"""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from falcon_svc.threads import threads_for
from falcon_svc.types import FloatArray, IntArray, LabelSource

MAX_POINTS = 4_000


def draw_map(inputs: FloatArray, source: LabelSource, *, seed: int) -> tuple[IntArray, FloatArray]:
    """Return rows (S,) and coordinates (S, 2), S at most `MAX_POINTS`.

    Parameters
    ----------
    inputs
        (N, D) head inputs.
    source
        Coarse labels to sample by; unlabelled samples are left out.
    seed
        Of the sample.
    """
    rng = np.random.default_rng(seed)
    labelled = np.flatnonzero(source.labels >= 0)
    rows = np.sort(rng.permutation(labelled)[:MAX_POINTS])
    points = np.asarray(inputs[rows])
    dim = min(2, *points.shape)
    flat = np.zeros((len(rows), 2), np.float32)
    few = threads_for(2.0 * dim * points.size)
    with few, np.errstate(invalid="ignore"):  # no variance at all: its shares are 0 / 0
        flat[:, :dim] = PCA(dim, random_state=0).fit_transform(points)
    return rows, flat
