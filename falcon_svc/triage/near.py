"""Who lies near whom, under the coarse labels as corrected.

Neighbors of a sample are of its coarse label, by direction from that label's mean. A million
samples take half a minute: they are searched once, and again only under the labels that a
correction changed; whoever needs those of a few samples before does not wait for the others.
"""

from __future__ import annotations

import threading

import numpy as np

from falcon_svc.discovery.partition.shared_metric import centred
from falcon_svc.neighbors import neighbors_of, search_neighbors
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray, LabelSource

N_NEIGHBORS = 20


class Near:
    """The neighbors of one review's samples; may be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[IntArray, IntArray] | None = None  # coarse labels, and neighbors by them

    def all(self, inputs: FloatArray, review: Review) -> IntArray:
        """Return (N, K) rows of every sample's neighbors; a sample without a label is its own."""
        with self._lock:
            kept = self._kept
            if kept is None:
                found = near_rows(inputs, review)
            elif np.array_equal(kept[0], review.coarse):
                return kept[1]
            else:
                found = _searched_again(*kept, inputs, review)
            self._kept = review.coarse.copy(), found
            return found

    def of(self, rows: IntArray, inputs: FloatArray, review: Review) -> IntArray:
        """Return (n, K) neighbors of some rows: of `all` once they are there, else searched."""
        kept = self._kept
        if kept is not None and np.array_equal(kept[0], review.coarse):
            return kept[1][rows]
        members = np.flatnonzero(np.isin(review.coarse, np.unique(review.coarse[rows])))
        vectors, source = _under(inputs, review, members)
        return members[neighbors_of(vectors, source, np.searchsorted(members, rows), N_NEIGHBORS)]


def near_rows(inputs: FloatArray, review: Review, *, seed: int = 0) -> IntArray:
    """Return (N, K) rows of the nearest samples by direction from the mean of the coarse class."""
    vectors, source = _under(inputs, review, slice(None))
    return search_neighbors(vectors, source, N_NEIGHBORS, seed=seed).index


def _searched_again(
    before: IntArray, neighbors: IntArray, inputs: FloatArray, review: Review
) -> IntArray:
    """Search under the coarse labels that samples left or joined; a copy, as others may read."""
    changed = np.flatnonzero(before != review.coarse)
    labels = np.union1d(before[changed], review.coarse[changed])
    members = np.flatnonzero(np.isin(review.coarse, labels))
    vectors, source = _under(inputs, review, members)
    found = neighbors.copy()
    found[members] = members[search_neighbors(vectors, source, N_NEIGHBORS, seed=0).index]
    return found


def _under(
    inputs: FloatArray, review: Review, rows: IntArray | slice
) -> tuple[FloatArray, LabelSource]:
    """Return the rows from their coarse class's mean, and their labels."""
    coarse = review.coarse[rows]
    return centred(inputs[rows], coarse + 1), LabelSource("review", coarse, review.coarse_names)
