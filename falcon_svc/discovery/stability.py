"""How well each fine class comes back in the portfolio of partitions it was voted from.

Per partition the Jaccard overlap of the class with its best match there, averaged over the
partitions (Hennig 2007, with views and starts in place of bootstrap samples).
"""

from __future__ import annotations

import numpy as np

from falcon_svc.types import FloatArray, IntArray


def class_stability(fine: IntArray, parts: list[IntArray], n_fine: int) -> FloatArray:
    """Return (F,) in [0, 1]: 1 = found again everywhere; NaN for a class without samples.

    Parameters
    ----------
    fine
        (n,) final labels.
    parts
        Partitions (n,) of the same rows.
    n_fine
        F.
    """
    best = [_best_jaccard(fine, part, n_fine) for part in parts]
    return np.asarray(np.mean(best, axis=0), np.float32)


def _best_jaccard(fine: IntArray, part: IntArray, n_fine: int) -> FloatArray:
    n_parts = int(part.max()) + 1
    cells, shared = np.unique(fine * n_parts + part, return_counts=True)
    rows, columns = np.divmod(cells, n_parts)
    sizes, part_sizes = np.bincount(fine, minlength=n_fine), np.bincount(part)
    overlap = shared / (sizes[rows] + part_sizes[columns] - shared)
    best = np.zeros(n_fine)
    np.maximum.at(best, rows, overlap)
    best[sizes == 0] = np.nan
    return np.asarray(best, np.float32)
