r"""What further label sources say of the fine classes inside the first one's coarse classes.

A fine class has one parent in every source. So two samples of one coarse class whose labels in
another source differ are of different fine classes, whatever their features say
(`with_other_labels`); a class of another source whose samples all lie in one coarse class needs a
fine class of its own there (`least_children`); and two parents whose labels never meet in a
sample meet in no fine class (`compatible_pairs`), which ties the relations of both sources
(`solver.SourceTie`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falcon_svc.discovery.partition.shared_metric import centred
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

LEAST_SHARE = 0.02
"""Of the smaller class's samples with both labels: fewer may be wrong labels."""
LEAST_EXPECTED = 5.0
"""Samples expected by chance from which on it means something that a pair is missing."""


def with_other_labels(
    features: FloatArray, first: LabelSource, others: Sequence[LabelSource]
) -> FloatArray:
    """Return the features (n, D) with an axis for each class of the other sources.

    Different labels are as far apart as two samples of a coarse class on average, beside what
    their features say; a sample without a label lies at the mean of its coarse class.

    Parameters
    ----------
    features
        (n, D) float32.
    first
        Labels of the same rows, every row labelled.
    others
        Labels of the same rows; those that label none of them add nothing.
    """
    radius = np.sqrt((centred(features, first.labels) ** 2).sum(axis=1).mean())
    axes = [radius * _one_hot(first, other) for other in others if (other.labels >= 0).any()]
    return np.asarray(np.concatenate([features, *axes], axis=1), np.float32) if axes else features


def _one_hot(first: LabelSource, other: LabelSource) -> FloatArray:
    """(n, C2): the label, or the mean over the coarse class where there is none."""
    known = other.labels >= 0
    hot = np.zeros((len(known), other.n_coarse), np.float32)
    hot[known, other.labels[known]] = 1
    mean = _table(first, other) / np.maximum(_table(first, other).sum(axis=1, keepdims=True), 1)
    hot[~known] = mean[first.labels[~known]]
    return hot


def compatible_pairs(first: LabelSource, other: LabelSource) -> BoolArray | None:
    """Return (C, C2) bool, which parents may meet in a fine class; None if all may."""
    table = _table(first, other)
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    expected = rows * columns / max(1, int(table.sum()))
    rare = table < LEAST_SHARE * np.minimum(rows, columns)
    pairs = ~(rare & (expected >= LEAST_EXPECTED)) | (table >= _most(table))
    return None if pairs.all() else np.asarray(pairs, np.bool_)


def least_children(first: LabelSource, others: Sequence[LabelSource]) -> IntArray:
    """Return (C,) fine classes that each coarse class holds at least, by the other sources."""
    least = np.ones(first.n_coarse, np.int64)
    for other in others:
        pairs = compatible_pairs(first, other)
        if pairs is not None:
            own = pairs[:, pairs.sum(axis=0) == 1]  # classes with one possible home
            least = np.maximum(least, own.sum(axis=1))
    return least


def _table(first: LabelSource, other: LabelSource) -> IntArray:
    """(C, C2) numbers of samples with both labels."""
    both = (first.labels >= 0) & (other.labels >= 0)
    cells = first.labels[both] * other.n_coarse + other.labels[both]
    found = np.bincount(cells, minlength=first.n_coarse * other.n_coarse)
    return np.asarray(found.reshape(first.n_coarse, other.n_coarse), np.int64)


def _most(table: IntArray) -> IntArray:
    """(C, C2) what a cell needs to be its row's or its column's largest, and not empty."""
    largest = np.minimum(table.max(axis=1)[:, None], table.max(axis=0)[None])
    return np.asarray(np.maximum(largest, 1), np.int64)
