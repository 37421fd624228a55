r"""Who is who: classes of a new run matched to those of an earlier review.

Classes are matched by the overlap of the samples that both know, :math:`J(a, b) = |a \cap b| /
|a \cup b|`, so that the sum over pairs is largest (linear assignment); two that share less than
`LEAST_OVERLAP` of their samples are no pair, and neither are two under different coarse classes.
What is left over is told as lineage: born, split off, merged into, died.

Only pairs with a sample in common are ever written down, and the assignment is solved by itself in
each group of classes that such pairs connect: 10,000 classes need no table of 10,000 x 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from falcon_svc.result.ancestry import Lineage
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.types import BoolArray, IntArray

LEAST_OVERLAP = 0.2
SHARE_OF_ORIGIN = 0.5
"""A class comes from another that gave it more than half of its samples."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of an old and a new class with samples in common.

    Attributes
    ----------
    old, new : int64 (P,)
        Numbers of the classes.
    common : int64 (P,)
        Samples in both.
    share : float64 (P,)
        Jaccard index in (0, 1].
    """

    old: IntArray
    new: IntArray
    common: IntArray
    share: NDArray[np.float64]

    def only(self, kept: BoolArray) -> Overlaps:
        """Return some of the pairs."""
        return Overlaps(self.old[kept], self.new[kept], self.common[kept], self.share[kept])


def overlaps(old: IntArray, new: IntArray) -> Overlaps:
    """Return the overlaps of two partitions (N,) of the same samples, -1 = in no class.

    Examples
    --------
    >>> import numpy as np
    >>> found = overlaps(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 2]))
    >>> list(zip(found.old.tolist(), found.new.tolist(), found.share.round(2).tolist()))
    [(0, 5, 0.67), (1, 2, 0.5), (1, 5, 0.25)]
    """
    known = (old >= 0) & (new >= 0)
    pairs, common = np.unique(np.stack((old[known], new[known])), axis=1, return_counts=True)
    size_old, size_new = (_sizes(fine[known]) for fine in (old, new))
    union = size_old[pairs[0]] + size_new[pairs[1]] - common
    return Overlaps(pairs[0], pairs[1], common, common / union)


def matched(found: Overlaps) -> dict[int, int]:
    """Return new class -> old class of the assignment with the largest sum of overlaps.

    Each class has one partner at most, and pairs under `LEAST_OVERLAP` are left out.
    """
    found = found.only(found.share >= LEAST_OVERLAP)
    if not len(found.old):
        return {}
    n_old, n_new = int(found.old.max()) + 1, int(found.new.max()) + 1
    graph = coo_array(
        (found.share, (found.old, found.new + n_old)), shape=(n_old + n_new, n_old + n_new)
    )
    group = connected_components(graph, directed=False)[1][found.old]
    order = np.argsort(group, kind="stable").tolist()
    pairs: dict[int, int] = {}
    for _, members in groupby(order, key=lambda i: group[i]):
        pairs |= _assigned(found.only(np.array(list(members))))
    return pairs


def _assigned(found: Overlaps) -> dict[int, int]:
    """Assign one group of classes; a table of these alone is small."""
    old, row = np.unique(found.old, return_inverse=True)
    new, column = np.unique(found.new, return_inverse=True)
    share = np.zeros((len(old), len(new)))
    share[row, column] = found.share
    rows, columns = linear_sum_assignment(-share)
    return {int(new[j]): int(old[i]) for i, j in zip(rows, columns, strict=True) if share[i, j] > 0}


def lineage_of(
    before: Mapping[int, ReviewClass],
    now: Mapping[int, ReviewClass],
    old: IntArray,
    new: IntArray,
    sizes: tuple[IntArray, IntArray],
) -> tuple[Lineage, ...]:
    """Return what became of every class, by who gave to whom more than half of the samples.

    Parameters
    ----------
    before, now : mapping
        Number -> class, before and now; the same number is the same class.
    old, new : int64 (M,)
        Numbers of the samples that both know; -1 = none.
    sizes : (int64 (A,), int64 (B,))
        Samples by number of class, before and now, of all.
    """
    found = overlaps(old, new)
    share = {(a, b): s for a, b, s in zip(found.old, found.new, found.share, strict=True)}
    origins = _givers(found.new, found.old, found.common, _sizes(new[old >= 0]))
    heirs = _givers(found.old, found.new, found.common, _sizes(old))
    size_before, size_now = (_Sizes(one) for one in sizes)
    kept = [
        Lineage(
            *("kept", held.id, held.name),
            overlap=round(float(share.get((n, n), 0)), 4),
            n_before=size_before(n),
            n_now=size_now(n),
        )
        for n, held in now.items()
        if n in before
    ]
    fresh = [
        Lineage(
            *("split" if n in origins else "born", held.id, held.name, origins.get(n, ())),
            n_now=size_now(n),
        )
        for n, held in now.items()
        if n not in before
    ]
    gone = [
        Lineage(
            *("merged" if n in heirs else "died", held.id, held.name, heirs.get(n, ())),
            n_before=size_before(n),
        )
        for n, held in before.items()
        if n not in now
    ]
    return (*kept, *_in_order(fresh, "born"), *_in_order(gone, "merged"))


class _Sizes:
    """Samples by number of class; 0 for a number that is not there."""

    def __init__(self, sizes: IntArray) -> None:
        self._sizes = sizes

    def __call__(self, number: int) -> int:
        return int(self._sizes[number]) if number < len(self._sizes) else 0


def _in_order(lines: list[Lineage], first: str) -> list[Lineage]:
    return sorted(lines, key=lambda line: line.what != first)


def _givers(
    takers: IntArray, givers: IntArray, common: IntArray, size: IntArray
) -> dict[int, tuple[str, ...]]:
    """Taker -> ids of the classes that more than half of its samples lie in (one at most)."""
    most = common > SHARE_OF_ORIGIN * size[takers]
    return {int(t): (f"c{g}",) for t, g in zip(takers[most], givers[most], strict=True)}


def _sizes(fine: IntArray) -> IntArray:
    return np.bincount(fine[fine >= 0])


def free_name(stem: str, taken: Sequence[str] | set[str]) -> str:
    """Return a name that is not taken: the stem, or the stem with a number behind it."""
    if stem not in taken:
        return stem
    return next(name for i in range(2, 10**9) if (name := f"{stem} ({i})") not in taken)
