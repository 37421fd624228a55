"""Which rows the structure step works on: all of a small data set, a sample of a large one."""

from __future__ import annotations

import numpy as np

from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.types import IntArray, LabelSource

MAX_ROWS = 24_000
LEAST_PER_CLASS = 100
LEAST_PER_FINE_CLASS = 20


def structure_rows(source: LabelSource, bounds: CountBounds, *, seed: int) -> IntArray:
    """Return ascending rows that the source labels: at most about `MAX_ROWS`.

    Every coarse class keeps the same share of its samples, but at least `LEAST_PER_CLASS` and
    `LEAST_PER_FINE_CLASS` for each fine class that it is known to hold.

    Parameters
    ----------
    source
        Coarse labels.
    bounds
        Known counts.
    seed
        Seed of the sample.
    """
    rng = np.random.default_rng(seed)
    groups = source.rows_by_class()
    share = min(1.0, MAX_ROWS / sum(len(rows) for rows in groups))
    least = np.maximum(LEAST_PER_CLASS, LEAST_PER_FINE_CLASS * bounds.low)
    kept = [
        rows
        if len(rows) <= max(share * len(rows), floor)
        else rng.choice(rows, int(max(share * len(rows), floor)), replace=False)
        for rows, floor in zip(groups, least, strict=True)
    ]
    return np.sort(np.concatenate(kept))
