"""Cuts of one class: in two for the queue's question, into exactly k, or automatically.

Ward's tree on the members' head inputs, averaged with those of their nearest neighbors inside the
class. How much a cut looks like two classes is told by `Cut.crossing`: links between nearest
neighbors across the cut, relative to what a random cut of the same sizes would cross.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.triage.corrections import CorrectionError, Split
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray

MOST_TREE_ROWS = 2_000
LEAST_ROWS = 4
MOST_AUTOMATIC = 8
CLEAR_CROSSING = 0.25
"""An automatic split goes on where a cut crosses fewer than a quarter of a random cut's links."""

N_LINKS = 10


@dataclass(frozen=True, eq=False)
class Cut:
    """One class in parts.

    Attributes
    ----------
    parts : tuple of int64 arrays
        Rows, the largest part first.
    crossing : float >= 0
        Links across the cut relative to a random cut; small = two classes.
    """

    parts: tuple[IntArray, ...]
    crossing: float


def cut_class(rows: IntArray, inputs: FloatArray, near: IntArray, k: int) -> Cut:
    """Cut the rows of a class into k parts.

    Parameters
    ----------
    rows : int64 (n,)
    inputs : float32 (N, D)
    near : int64 (n, K)
        Neighbors of these rows.
    k : int >= 2
        At most n.
    """
    near = near[:, :N_LINKS]
    place = np.full(len(inputs), -1, np.int64)
    place[rows] = np.arange(len(rows))
    label = _ward_labels(_averaged(rows, inputs, near, place), k)
    sizes = np.bincount(label)
    parts = tuple(rows[label == i] for i in np.argsort(-sizes, kind="stable"))
    return Cut(parts, _crossing(label, place[near]))


def propose_split(
    review: Review,
    class_id: str,
    inputs: FloatArray,
    neighbors_of: Callable[[IntArray], IntArray],
    *,
    k: int | None = None,
) -> Split:
    """Return the correction that splits a class into exactly k, or automatically.

    Parameters
    ----------
    review : Review
    class_id : str
    inputs : float32 (N, D)
    neighbors_of : callable
        Rows (n,) -> their neighbors, int64 (n, K).
    k : int >= 2, optional
        None = go on cutting while the cuts are clear, up to 8 parts; at least two.

    Raises
    ------
    CorrectionError
        The class has too few samples.
    """
    held = review.find(class_id)
    rows = review.members(held.number)
    wanted = 2 if k is None else k
    if not 2 <= wanted <= len(rows):
        raise CorrectionError(
            f"{held.name!r} ({held.id}) holds {len(rows):,} samples and can be split into 2 to "
            f"{len(rows):,} classes, but {wanted:,} were asked for; choose a number in that range."
        )
    near = neighbors_of(rows)
    parts = _automatic(rows, inputs, near) if k is None else cut_class(rows, inputs, near, k).parts
    leaving = tuple(tuple(review.ids[row] for row in part.tolist()) for part in parts[1:])
    return Split(class_id=class_id, parts=leaving, how="automatic" if k is None else "into_k")


def _automatic(rows: IntArray, inputs: FloatArray, near: IntArray) -> list[IntArray]:
    """Cut in two, then the part with the clearest cut, while there is a clear one."""

    def cut(part: IntArray) -> Cut | None:
        own = near[np.searchsorted(rows, part)]
        return cut_class(part, inputs, own, 2) if len(part) >= LEAST_ROWS else None

    parts = list(cut_class(rows, inputs, near, 2).parts)
    while len(parts) < MOST_AUTOMATIC:
        cuts = [cut(part) for part in parts]
        clear = [
            (one.crossing, i)
            for i, one in enumerate(cuts)
            if one is not None and one.crossing < CLEAR_CROSSING
        ]
        if not clear:
            break
        chosen = cuts[min(clear)[1]]
        assert chosen is not None
        parts[min(clear)[1]] = chosen.parts[0]
        parts.append(chosen.parts[1])
    return sorted(parts, key=len, reverse=True)


def _averaged(rows: IntArray, inputs: FloatArray, near: IntArray, place: IntArray) -> FloatArray:
    """Half a sample, half the mean of its nearest samples of the class."""
    own = inputs[rows]
    inside = place[near] >= 0
    weight = inside / np.maximum(inside.sum(axis=1, keepdims=True), 1)
    mean = np.einsum("nk,nkd->nd", weight.astype(np.float32), inputs[near])
    return np.where(inside.any(axis=1, keepdims=True), (own + mean) / 2, own)


def _ward_labels(points: FloatArray, k: int) -> IntArray:
    """Labels (n,) in [0, k); large classes by a sample's tree and the nearest mean."""
    if len(points) <= MOST_TREE_ROWS:
        return _exactly(points, k)
    sample = np.sort(np.random.default_rng(0).permutation(len(points))[:MOST_TREE_ROWS])
    means = class_means(points[sample], _exactly(points[sample], k), k)
    score = points @ means.T - (means**2).sum(axis=1) / 2
    score[sample] = -np.inf
    label: IntArray = score.argmax(axis=1).astype(np.int64)
    label[sample] = _exactly(points[sample], k)
    return label


def _exactly(points: FloatArray, k: int) -> IntArray:
    """Cut a Ward tree into exactly k; equal heights (equal points) are cut in order."""
    tree = linkage(points, "ward")
    tree[:, 2] = np.maximum.accumulate(tree[:, 2]) + np.arange(len(tree)) * 1e-12
    return np.asarray(fcluster(tree, k, "maxclust") - 1, np.int64)


def _crossing(label: IntArray, near: IntArray) -> float:
    """Links across the cut over those of a random cut, both with one more than counted."""
    inside = near >= 0
    crossed = int(((label[near] != label[:, None]) & inside).sum())
    share = np.bincount(label) / len(label)
    return (crossed + 1) / (float(inside.sum() * (1 - (share**2).sum())) + 1)
