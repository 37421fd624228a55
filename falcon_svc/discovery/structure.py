"""The structure step: how many fine classes each coarse class holds, and a first partition.

    count posterior (unless counts are given) -> how equal the sizes are -> votes -> cut

Place: between the features and head training. It works on a sample of the rows; the head learns
from its answer and extends it to all of them. Why it looks as it does, and what each part is
worth in accuracy, is in docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.counts.allocation import split_evidence
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.counts.choice import (
    Counts,
    choose_total,
    counts_given,
    shared_by_sizes,
    shared_by_votes,
    with_intervals,
)
from falcon_svc.discovery.counts.posterior import MOST_COUNT, count_posterior
from falcon_svc.discovery.counts.size_prior import (
    EQUAL_GIVEN_COUNTS,
    MIXED,
    dispersion_of_counts,
    told_dispersion,
)
from falcon_svc.discovery.partition.merge_tree import MergeTree, cut_at_counts
from falcon_svc.discovery.partition.views import equal_views, unequal_views
from falcon_svc.discovery.partition.votes import (
    balanced_consensus,
    balanced_votes,
    tree_votes,
    vote_trees,
)
from falcon_svc.discovery.stability import class_stability
from falcon_svc.types import FloatArray, IntArray, LabelSource

EXPONENT_OF_COUNTS, EXPONENT_OF_TOTAL = 0.25, 0.0
"""Taste of the trees for equal sizes. Where counts are given no cluster is one too many; where
they are not, a surplus cluster should fall on a few outliers, not halve a large class."""


@dataclass(frozen=True)
class Structure:
    """Counts and a partition of the rows worked on.

    Parameters
    ----------
    fine
        (n,) int64 fine ids; coarse class q owns `counts.n_fine[q]` consecutive ones.
    counts
        Per coarse class.
    stability
        (F,) how well each class comes back over the partitions that voted, in [0, 1].
    """

    fine: IntArray
    counts: Counts
    stability: FloatArray


def find_structure(
    raw: FloatArray,
    source: LabelSource,
    bounds: CountBounds,
    *,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> Structure:
    """Find counts and partition.

    Parameters
    ----------
    raw
        (n, D) features as they came.
    source
        Coarse labels, every row labelled.
    bounds
        What the user knows about the counts, of all samples or of these rows.
    seed
        Of everything random here.
    on_step
        Called after each part of the work.

    Raises
    ------
    ValueError
        The bounds leave no counts that the rows can fill.
    """
    work = _Work(raw, source, bounds, seed, on_step)
    return work.counts_given() if bounds.fixed else work.counts_unknown()


class _Work:
    """One data set on its way to a structure."""

    def __init__(
        self,
        raw: FloatArray,
        source: LabelSource,
        bounds: CountBounds,
        seed: int,
        on_step: Callable[[], None],
    ) -> None:
        self.raw, self.source, self.bounds = raw, source, bounds
        self.seed, self.on_step = seed, on_step
        self.groups = source.rows_by_class()
        self.sizes = np.array([len(rows) for rows in self.groups])
        self.least = int(np.ceil(bounds.least_samples * len(raw) / bounds.n_samples))

    def counts_given(self) -> Structure:
        """Cut every coarse class into the number that the user gave."""
        counts = self.bounds.low
        estimate = dispersion_of_counts(self.sizes, counts)
        dispersion = told_dispersion(estimate, self.bounds.sizes)
        equal = dispersion <= EQUAL_GIVEN_COUNTS and len(counts) > 1
        known = counts_given(self.bounds, dispersion, equal or self.bounds.sizes == "equal")
        if known.equal:
            return self._equal(known)
        parts = self._tree_votes(int(counts.sum()), EXPONENT_OF_COUNTS)
        if dispersion < MIXED or len(counts) == 1:
            parts += self._balanced_votes(counts)
        return self._unequal(known, parts)

    def counts_unknown(self) -> Structure:
        """Share out a given total, or estimate it."""
        found = count_posterior(
            self.raw,
            self.source,
            self.bounds.low,
            self.bounds.high,
            least_samples=self.least,
            seed=self.seed,
            on_step=self.on_step,
        )
        choice = choose_total(self.sizes, self.bounds, found)
        if choice.equal:
            counts = shared_by_sizes(self.sizes, self.bounds, choice, found)
            return self._equal(with_intervals(counts, self.sizes, choice, found))
        parts = self._tree_votes(choice.n_fine, EXPONENT_OF_TOTAL)
        trees = self._trees(parts, -(-choice.n_fine // len(self.groups)))
        votes = split_evidence(trees, choice.n_fine, min(MOST_COUNT, choice.n_fine))
        counts = shared_by_votes(self.sizes, self.bounds, choice, found, votes)
        return self._unequal(with_intervals(counts, self.sizes, choice, found), parts)

    def _tree_votes(self, n_fine: int, size_exponent: float) -> list[IntArray]:
        return tree_votes(
            unequal_views(self.raw, self.source),
            self.source,
            n_fine,
            size_exponent=size_exponent,
            on_part=self.on_step,
        )

    def _trees(self, parts: Sequence[IntArray], most: int) -> list[MergeTree]:
        trees = vote_trees(parts, self.groups, most)
        return trees if self.least <= 1 else [tree.pruned(self.least) for tree in trees]

    def _unequal(self, counts: Counts, parts: list[IntArray]) -> Structure:
        trees = self._trees(parts, int(counts.n_fine.max()))
        fine = cut_at_counts(trees, self.groups, counts.n_fine)
        return self._structure(fine, counts, parts)

    def _equal(self, counts: Counts) -> Structure:
        parts = self._balanced_votes(counts.n_fine)
        fine = balanced_consensus(parts, self.groups, counts.n_fine, seed=self.seed)
        return self._structure(fine, counts, parts)

    def _balanced_votes(self, counts: IntArray) -> list[IntArray]:
        views = equal_views(self.raw, self.source, seed=self.seed)
        return balanced_votes(views, self.source, counts, seed=self.seed, on_part=self.on_step)

    def _structure(self, fine: IntArray, counts: Counts, parts: list[IntArray]) -> Structure:
        return Structure(fine, counts, class_stability(fine, parts, int(counts.n_fine.sum())))
