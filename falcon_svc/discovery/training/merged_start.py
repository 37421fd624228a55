"""Pairs that cannot be told apart made into one class each, with all their parents.

Place: between a first training, after which `shared_classes` found the pairs, and a second one.
The relation that a training starts from says how many parents beyond the first its solver may
give (`relation_step.extra_parents`); which classes get them is the solver's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.warm_start import WarmStart, start_from
from falcon_svc.result.record import SharedPair
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource


@dataclass(frozen=True)
class MergedStart:
    """What the second training starts from.

    Parameters
    ----------
    start
        With fewer classes and the same number of edges in the first relation.
    stability
        (F',) mean of the merged classes'.
    """

    start: WarmStart
    stability: FloatArray


def merged_start(
    inputs: FloatArray,
    rows: IntArray,
    structure: Structure,
    first: WarmStart,
    pairs: tuple[SharedPair, ...],
    sources: tuple[LabelSource, ...],
    *,
    seed: int,
) -> MergedStart:
    """Merge the classes of `pairs`; the other parameters are those of `start_of`.

    Parameters
    ----------
    first
        The start of the first training, whose classes the structure's are.
    pairs
        Classes that are one; what is joined over several pairs becomes one class too.
    """
    owner = merged_ids(len(first.fine_prior), pairs)
    start = start_from(
        inputs,
        rows,
        owner[structure.fine],
        merged_relation(first.head.relations[0], owner),
        np.bincount(owner, first.fine_prior).astype(np.float32),
        sources,
        seed=seed,
    )
    stability = np.bincount(owner, structure.stability) / np.bincount(owner)
    return MergedStart(start, stability.astype(np.float32))


def merged_ids(n_fine: int, pairs: tuple[SharedPair, ...]) -> IntArray:
    """Return (F,) new ids, numbered in the order of each group's first class."""
    ends = np.array([pair.fine for pair in pairs], np.int64).reshape(-1, 2)
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_fine, n_fine))
    group = connected_components(links, directed=False)[1]
    _, first, index = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[index], np.int64)


def merged_relation(relation: BoolArray, owner: IntArray) -> BoolArray:
    """Return (F', C): every class hangs on the parents of all that it was made of."""
    merged = np.zeros((int(owner.max()) + 1, relation.shape[1]), np.bool_)
    np.logical_or.at(merged, owner, relation)
    return merged
