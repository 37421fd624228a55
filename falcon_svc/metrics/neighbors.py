"""How well nearest neighbors agree on the fine class: the quality of features, before any head."""

from __future__ import annotations

import numpy as np

from falcon_svc.types import FloatArray, IntArray

CHUNK_CELLS = 1 << 24


def neighbor_purity_score(
    fine_true: IntArray, coarse: IntArray, features: FloatArray, *, n_neighbors: int = 20
) -> float:
    r"""Return the share of same-coarse nearest neighbors that have the sample's fine class.

    .. math:: \frac{1}{N} \sum_x \frac{1}{K_x} \sum_{x' \in N(x, y)} [f(x') = f(x)]

    with N(x, y) the K nearest samples, by cosine, among the others of x's coarse class y, the
    neighborhood that FALCON (ICML 2024) trains with.

    Parameters
    ----------
    fine_true
        (N,) int64 fine labels.
    coarse
        (N,) int64 coarse labels.
    features
        (N, D) finite float.
    n_neighbors
        K >= 1; in a coarse class of K samples or fewer, all others.

    Returns
    -------
    float
        In [0, 1]; 1 where every neighborhood is of one fine class. By chance it is the mean share
        of a sample's fine class in its coarse class. Samples that are alone in their coarse class
        have no neighbors and do not count; 1.0 if there are no others.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.metrics import neighbor_purity_score
    >>> angle = np.array([0.0, 0.1, 2.0, 2.1])
    >>> features = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    >>> fine, coarse = np.array([0, 0, 1, 1]), np.zeros(4, np.int64)
    >>> neighbor_purity_score(fine, coarse, features, n_neighbors=1)
    1.0
    """
    total, counted = 0.0, 0
    for label in np.unique(coarse):
        rows = np.flatnonzero(coarse == label)
        count = min(n_neighbors, len(rows) - 1)
        if count >= 1:
            total += _agreement(fine_true[rows], features[rows], count) * len(rows)
            counted += len(rows)
    return total / counted if counted else 1.0


def _agreement(fine: IntArray, features: FloatArray, count: int) -> float:
    """Return the mean share of agreeing neighbors inside one coarse class, in blocks of rows."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.maximum(length, np.finfo(features.dtype).tiny)
    agreeing, step = 0.0, max(1, CHUNK_CELLS // len(unit))
    for first in range(0, len(unit), step):
        block = np.arange(first, min(first + step, len(unit)))
        cosine = unit[block] @ unit.T
        cosine[np.arange(len(block)), block] = -np.inf  # not its own neighbor
        nearest = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        agreeing += float((fine[nearest] == fine[block, None]).mean(axis=1).sum())
    return agreeing / len(unit)
