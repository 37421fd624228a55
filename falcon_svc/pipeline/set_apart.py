"""Rows too far from all others, kept from everything that is fitted.

Place: between the stages "features" and "labels" of `falcon_svc.pipeline.stages`. Such rows lose
their labels in what the later stages fit to; the last stage assigns them by all their labels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falcon_svc.data.far_rows import far_rows
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.types import UNLABELLED, CoarseDataset, FloatArray, IntArray, LabelSource


def rows_apart(features: FloatArray, source: LabelSource, bounds: CountBounds) -> IntArray:
    """Return the ascending rows that nothing is fitted to; every class keeps what it needs.

    Parameters
    ----------
    features
        (N, D) of the data set.
    source, bounds
        Its first label source, and what the user knows about the counts there.
    """
    far = far_rows(features, source.labels)
    sizes = np.bincount(source.labels + 1, minlength=source.n_coarse + 1)[1:]
    lost = np.bincount(source.labels[far] + 1, minlength=source.n_coarse + 1)[1:]
    short = np.flatnonzero(sizes - lost < bounds.least_samples * bounds.needed)
    return far[~np.isin(source.labels[far], short)]


def fitted(dataset: CoarseDataset, apart: IntArray) -> CoarseDataset:
    """Return the data set without the labels of some rows; the same one where there are none."""
    if not len(apart):
        return dataset
    gone = set(apart.tolist())

    def without(source: LabelSource) -> LabelSource:
        labels = source.labels.copy()
        labels[apart] = UNLABELLED
        several = {row: names for row, names in source.several.items() if row not in gone}
        return replace(source, labels=labels, several=several)

    return replace(dataset, sources=tuple(map(without, dataset.sources)))
