"""Stand-ins for fine labels that do not exist yet: clusters inside each coarse class.

Place: the `Refine` functions of `falcon_svc.hierarchy.advice.paired_test`. k-means sees the
training rows of a fold alone, so that no test row helps to make the labels that train.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from falcon_svc.hierarchy.advice.paired_test import Refine
from falcon_svc.types import FloatArray, IntArray

STARTS = 3


def given(labels: NDArray[np.str_]) -> Refine:
    """Return labels that exist for all rows; "" where a row has none."""
    return lambda rows: labels[rows]


def kmeans(vectors: FloatArray, coarse: IntArray, k: int, seed: int) -> Refine:
    """Return k-means inside each coarse class; a class of fewer rows gets fewer clusters.

    Parameters
    ----------
    vectors, coarse
        (n, D) and (n,).
    k
        Clusters per coarse class.
    seed
        Seed of k-means.
    """

    def refine(rows: IntArray) -> NDArray[np.str_]:
        found = np.full(len(rows), "", dtype="<U16")
        for name in np.unique(coarse[rows]):
            inside = np.flatnonzero(coarse[rows] == name)
            x = vectors[rows[inside]]
            n = min(k, len(np.unique(x, axis=0)))
            ids = KMeans(n, n_init=STARTS, random_state=seed).fit_predict(x)
            found[inside] = [f"part {i}" for i in ids]
        return found

    return refine
