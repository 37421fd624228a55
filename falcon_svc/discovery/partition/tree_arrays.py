"""Merge trees as flat arrays, and back to the same bits: so the trees of a view are kept.

Place: between `merge_tree` and `pieces`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.partition.merge_tree import MergeTree
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.types import IntArray

FIELDS = ("group", "merges", "costs")


def kept_trees(
    pieces: Pieces, kind: str, number: int, n_rows: int, make: Callable[[Told], list[MergeTree]]
) -> list[MergeTree]:
    """Return the trees of one part; parameters as of `Pieces.made`."""
    return trees_in(pieces.made(kind, number, n_rows, lambda on_rows: tree_arrays(make(on_rows))))


def tree_arrays(trees: Sequence[MergeTree]) -> Arrays:
    """Return each field of all trees end to end, and in ``sizes`` (T, 3) where each one ends."""
    found: Arrays = {
        field: np.concatenate([getattr(tree, field) for tree in trees]) for field in FIELDS
    }
    sizes = [[len(getattr(tree, field)) for field in FIELDS] for tree in trees]
    return found | {"sizes": np.array(sizes, np.int64)}


def trees_in(arrays: Arrays) -> list[MergeTree]:
    """Return the trees of `tree_arrays`."""
    sizes = arrays["sizes"]
    columns = (_split(arrays[field], sizes[:, i]) for i, field in enumerate(FIELDS))
    return [MergeTree(*fields) for fields in zip(*columns, strict=True)]


def _split(array: NDArray[np.generic], sizes: IntArray) -> Iterator[NDArray[np.generic]]:
    return iter(np.split(array, np.cumsum(sizes)[:-1]))
