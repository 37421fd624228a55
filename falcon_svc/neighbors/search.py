"""Nearest neighbors of every sample among the samples with the same coarse label.

Place: second arrow of the data path, `Features -> Neighbors`. Source: FALCON (ICML 2024),
section 4.1: inner product of unit features, the sample itself left out, searched once.
Deviations: none in method; the released code searches features of random crops, we the features
as they are given.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable

import numpy as np

from falcon_svc.neighbors.backend import choose_backend, exact, nearest, top_k
from falcon_svc.threads import in_threads
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors

Progress = Callable[[int, int], None]
_log = logging.getLogger(__name__)


def search_neighbors(
    features: FloatArray,
    labels: LabelSource,
    k: int,
    *,
    seed: int,
    exact_limit: int = 200_000,
    device: str = "auto",
    progress: Progress | None = None,
) -> Neighbors:
    """Find the k nearest neighbors of every sample inside its coarse class.

    Parameters
    ----------
    features
        (N, D) float32, possibly a memory map; rows are scaled to unit length here.
    labels
        One source of coarse labels.
    k
        K >= 1 neighbors per sample.
    seed
        Seed >= 0 of the inverted file; exact search draws nothing.
    exact_limit
        Classes with more samples, >= 0, are searched approximately (faiss only).
    device
        ``"auto"``, ``"cpu"`` or a CUDA device.
    progress
        Called with (samples done, N).

    Returns
    -------
    Neighbors
        A row's own number occurs only where it is alone in its class, or where this source did
        not label it (the row is then K times itself). `recall` is the lowest of all classes.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.neighbors import search_neighbors
    >>> x = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.1], [9.0, 1.0], [9.0, 2.0]])
    >>> data = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog", "dog"]})
    >>> search_neighbors(x.astype(np.float32), data.coarse, 1, seed=0).index.ravel().tolist()
    [1, 0, 3, 2, 3]
    """
    backend = choose_backend(device)
    _log.info("neighbor search: %s, %d x %d, k = %d", backend, *features.shape, k)
    index: IntArray = np.repeat(np.arange(len(features)), k).reshape(-1, k)
    recall, done = 1.0, int((labels.labels < 0).sum())
    for members in _members(labels):
        if len(members) > 1:
            rows = _unit_rows(features, members)
            found, share = _inside_class(rows, k, backend, exact_limit, seed)
            index[members] = members[found]
            recall = min(recall, share)
        done += len(members)
        if progress is not None:
            progress(done, len(features))
    return Neighbors(index=index, backend=backend, recall=recall)


def neighbors_of(
    features: FloatArray, labels: LabelSource, rows: IntArray, k: int, *, device: str = "auto"
) -> IntArray:
    """Find the k nearest neighbors of some samples inside their coarse class, exactly.

    Up to the order of ties these are the rows of `search_neighbors`, where that searches exactly.

    Parameters
    ----------
    features
        (N, D) float32; rows are scaled to unit length here.
    labels
        One source of coarse labels.
    rows
        (n,) int64, the samples.
    k
        K >= 1 neighbors per sample.
    device
        ``"auto"``, ``"cpu"`` or a CUDA device.

    Returns
    -------
    NDArray[int64]
        (n, k) row numbers, the nearest first.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.neighbors import neighbors_of
    >>> x = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.1], [9.0, 1.0], [9.0, 2.0]])
    >>> data = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog", "dog"]})
    >>> neighbors_of(x.astype(np.float32), data.coarse, np.array([3]), 2).tolist()
    [[2, 4]]
    """
    backend, own = choose_backend(device), labels.labels[rows]
    index: IntArray = np.repeat(rows, k).reshape(-1, k)
    for label in np.unique(own[own >= 0]).tolist():
        members = np.flatnonzero(labels.labels == label)
        wanted = min(k, len(members) - 1)
        if wanted:
            asked, unit = np.flatnonzero(own == label), _unit_rows(features, members)
            place = np.searchsorted(members, rows[asked])
            others = _without(exact(unit[place], unit, wanted + 1, backend), place)
            index[asked] = members[others[:, np.arange(k) % wanted]]
    return index


def nearest_inside(vectors: FloatArray, labels: LabelSource, k: int) -> IntArray:
    """Return (n, k) rows at the least Euclidean distance inside the coarse class, exactly.

    For the structure step's sample: lengths matter, and it is small enough to search exactly.

    Parameters
    ----------
    vectors
        (n, D) float32, every row labelled.
    labels
        One source of coarse labels.
    k
        K >= 1; a small class repeats its neighbors, and a row that is alone is its own.

    Returns
    -------
    NDArray[int64]
        (n, k) row numbers, the nearest first.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.neighbors import nearest_inside
    >>> x = np.array([[0.0, 0.1], [0.2, 0.1], [0.1, 0.0], [9.0, 1.0], [9.0, 2.0]])
    >>> data = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog", "dog"]})
    >>> nearest_inside(x.astype(np.float32), data.coarse, 1).ravel().tolist()
    [1, 0, 3, 4, 3]
    """
    backend = choose_backend()
    index: IntArray = np.repeat(np.arange(len(vectors)), k).reshape(-1, k)
    several = [members for members in _members(labels) if len(members) > 1]

    def search(members: IntArray) -> IntArray:
        wanted = min(k, len(members) - 1)
        rows = np.ascontiguousarray(vectors[members], np.float32)
        others = _without_self(nearest(rows, wanted + 1, backend=backend))
        return members[others[:, np.arange(k) % wanted]]

    for members, found in zip(several, in_threads(search, several), strict=True):
        index[members] = found
    return index


def nearest_rows(vectors: FloatArray, k: int) -> IntArray:
    """Return (n, k) rows at the least Euclidean distance, the row itself among them.

    Parameters
    ----------
    vectors
        (n, D) float32.
    k
        1 <= K <= n.

    Returns
    -------
    NDArray[int64]
        (n, k) row numbers, the nearest first.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.neighbors import nearest_rows
    >>> nearest_rows(np.array([[0.0], [1.0], [5.0]], np.float32), 2).tolist()
    [[0, 1], [1, 0], [2, 1]]
    """
    return nearest(np.ascontiguousarray(vectors, np.float32), k, backend=choose_backend())


def _members(labels: LabelSource) -> list[IntArray]:
    """Rows of every coarse class, ascending."""
    order = np.argsort(labels.labels, kind="stable")
    starts = np.searchsorted(labels.labels[order], np.arange(labels.n_coarse + 1))
    return [order[a:b] for a, b in itertools.pairwise(starts)]


def _unit_rows(features: FloatArray, members: IntArray) -> FloatArray:
    """Copy rows and scale them to unit length; a zero row stays zero."""
    rows = np.ascontiguousarray(features[members])
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    rows /= np.where(lengths > 0, lengths, 1.0).astype(np.float32)[:, None]
    return rows


def _inside_class(
    rows: FloatArray, k: int, backend: str, exact_limit: int, seed: int
) -> tuple[IntArray, float]:
    """Neighbors (n, k) in numbers of the class; a small class repeats its neighbors."""
    wanted = min(k, len(rows) - 1)
    found, recall = top_k(rows, wanted + 1, backend=backend, exact_limit=exact_limit, seed=seed)
    others = _without_self(found)
    return others[:, np.arange(k) % wanted], recall


def _without_self(found: IntArray) -> IntArray:
    """Drop each row's own number, of rows that were searched in order."""
    return _without(found, np.arange(len(found)))


def _without(found: IntArray, own: IntArray) -> IntArray:
    """Drop each row's own number, or the last where it is missing: ties with duplicates."""
    is_self = found == own[:, None]
    is_self[~is_self.any(axis=1), -1] = True
    others: IntArray = found[~is_self].reshape(len(found), -1)
    return others
