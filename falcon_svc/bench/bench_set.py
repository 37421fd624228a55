"""A data set of the quality benchmark: the features that all methods get, and its fine truth.

Sets are read from files (`falcon_svc.bench.set_name`) or made in memory; labels beside vectors
become a data set by `in_memory`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.partition.shared_metric import unit_rows
from falcon_svc.types import (
    UNLABELLED,
    BoolArray,
    CoarseDataset,
    FloatArray,
    IntArray,
    LabelSource,
)


@dataclass(frozen=True, eq=False)
class BenchSet:
    """A data set with the one set of features that all methods get, and its fine truth.

    Parameters
    ----------
    name
        As shown in the table.
    dataset
        Vectors are the features, also where the set holds images.
    truth
        (N,) int64 fine labels, -1 where there is none: read by metrics, and for the counts that
        a method is given.
    spec
        Settings of the feature step.
    """

    name: str
    dataset: CoarseDataset
    truth: IntArray
    spec: str

    @property
    def features(self) -> FloatArray:
        """(N, D) features as they came."""
        assert self.dataset.vectors is not None
        return self.dataset.vectors

    def view(self, name: str) -> FloatArray:
        """Return the features ``raw``, or with unit rows as ``L2``."""
        return self.features if name == "raw" else unit_rows(self.features)

    @property
    def judged(self) -> IntArray:
        """Rows with a fine label and one of the first source; figures are over these."""
        known = (self.truth != UNLABELLED) & (self.dataset.coarse.labels != UNLABELLED)
        return np.flatnonzero(known)

    @property
    def has_truth(self) -> BoolArray:
        """(C,) whether a row of the coarse class has a fine label."""
        source = self.dataset.coarse
        return np.bincount(source.labels[self.judged], minlength=source.n_coarse) > 0

    @property
    def true_counts(self) -> IntArray:
        """(C,) fine classes that occur in each coarse class, at least 1."""
        groups = (self.truth[rows] for rows in self.dataset.coarse.rows_by_class())
        return np.array([max(1, len(set(g.tolist()) - {UNLABELLED})) for g in groups], np.int64)

    @property
    def n_fine(self) -> int:
        """F, the sum of `true_counts`."""
        return int(self.true_counts.sum())

    def document(self) -> dict[str, Any]:
        """Return what the set is, JSON-ready."""
        counts = self.true_counts
        return {
            "set": self.name,
            "n_samples": len(self.dataset),
            "dim": self.features.shape[1],
            "features": self.spec,
            "n_coarse": len(counts),
            "n_fine": self.n_fine,
            "fine_per_coarse": {"least": int(counts.min()), "most": int(counts.max())},
            "digest": self.dataset.digest,
        }


def in_memory(
    vectors: NDArray[np.floating[Any]],
    labels: IntArray,
    names: Sequence[str],
    ids: Sequence[str] | None = None,
) -> CoarseDataset:
    """Return vectors with one label source as a data set.

    Parameters
    ----------
    vectors
        (N, D) finite.
    labels
        (N,) in ``{0, .., C-1}``.
    names
        (C,) of the coarse classes, each of which occurs.
    ids
        (N,); None = row numbers.
    """
    rows = np.ascontiguousarray(vectors, np.float32)
    ids = tuple(map(str, range(len(rows)))) if ids is None else tuple(ids)
    source = LabelSource("coarse", np.asarray(labels, np.int64), tuple(names))
    digest = hashlib.sha256(repr(rows.shape).encode())
    digest.update(rows.data.cast("B"))
    digest.update(source.labels.tobytes())
    digest.update(json.dumps([source.names, ids]).encode())
    return CoarseDataset(rows, None, ids, (source,), digest.hexdigest())
