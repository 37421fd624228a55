"""The structure step: how many fine classes each coarse class holds, and a first partition.

    count posterior (unless counts are given) -> how equal the sizes are -> votes -> cut

Place: between the features and head training. It works on a sample of the rows; the head learns
from its answer and extends it to all of them. Why it looks as it does, and what each part is
worth in accuracy, is in docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from falcon_svc.discovery.counts.allocation import allocate, split_evidence
from falcon_svc.discovery.counts.bounds import INFEASIBLE, CountBounds
from falcon_svc.discovery.counts.choice import (
    Counts,
    TotalChoice,
    choose_total,
    counts_given,
    equal_at_total,
    prior_at_total,
    prior_beside_votes,
    shared_by_sizes,
    shared_by_votes,
    with_intervals,
)
from falcon_svc.discovery.counts.posterior import MOST_COUNT, CountPosterior, count_posterior
from falcon_svc.discovery.counts.size_prior import (
    EQUAL_GIVEN_COUNTS,
    MIXED,
    dispersion_of_counts,
    told_dispersion,
)
from falcon_svc.discovery.counts.split_evidence import MOST_ROWS, sample_for_evidence
from falcon_svc.discovery.counts.total_stability import N_REPEATS, StabilityCurve
from falcon_svc.discovery.counts.unimodal_twins import n_rows_of_twins
from falcon_svc.discovery.counts.whole_totals import WholeTotals, even_stability
from falcon_svc.discovery.partition.gainful_cut import GainfulCuts, gain_table, gainful_cuts
from falcon_svc.discovery.partition.merge_tree import MergeTree, cut_at_counts
from falcon_svc.discovery.partition.tree_arrays import kept_trees
from falcon_svc.discovery.partition.views import N_VIEWS, equal_views, reduced, unequal_views
from falcon_svc.discovery.partition.votes import (
    GRANULARITIES,
    METRIC_ROUNDS,
    WIDE_GRANULARITIES,
    Forest,
    balanced_consensus,
    balanced_votes,
    forest_votes,
    view_forest,
    vote_trees,
)
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.discovery.stability import class_stability
from falcon_svc.errors import ConfigError
from falcon_svc.types import FloatArray, IntArray, LabelSource

Float = NDArray[np.floating[Any]]

EXPONENT_OF_COUNTS, EXPONENT_OF_TOTAL = 0.25, 0.0
"""Taste of the trees for equal sizes. Where counts are given no cluster is one too many; where
they are not, a surplus cluster should fall on a few outliers, not halve a large class."""

EXPONENT_OF_SMALL_SPLITS = -0.25
"""Of a split's smaller side in its cost when the counts found are cut, where a given total and the
coarse sizes show that some fine classes are far smaller than others (`TotalChoice`)."""

CLEARLY_BETTER = 0.05
"""By so much more of each class has to come back in the votes, on average over the samples, for
the usual cut to stay where a total is larger than what the data speak for."""

FOREST = {"trees": 2 * N_VIEWS, "draft": 1}
BALANCED = {"contrast": 1, "balanced": N_VIEWS * (METRIC_ROUNDS + 1)}
"""Pieces by kind, each a pass over all rows: of the votes of trees, and of balanced k-means."""


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

    @property
    def comes_back(self) -> float:
        """Mean stability of the samples' classes."""
        return float(self.stability[self.fine].mean())


def find_structure(
    raw: FloatArray,
    source: LabelSource,
    bounds: CountBounds,
    *,
    seed: int,
    pieces: Pieces | None = None,
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
        Seed of everything random here.
    pieces
        Told of the work, and where its pieces are kept; None = nobody, nowhere.

    Raises
    ------
    ConfigError
        The data do not split into as many classes of `least_samples` as were asked for.
    """
    work = StructureWork(raw, source, bounds, seed, pieces or Pieces())
    with many_small_fits():
        return work.counts_given() if bounds.fixed else work.counts_unknown()


@contextmanager
def many_small_fits() -> Iterator[None]:
    """Run thousands of small fits on one thread.

    More threads would only wait for each other, and their number would show in the last bits.
    """
    with threadpool_limits(1):
        yield


class StructureWork:
    """One data set on its way to a structure."""

    def __init__(
        self,
        raw: FloatArray,
        source: LabelSource,
        bounds: CountBounds,
        seed: int,
        pieces: Pieces,
    ) -> None:
        self.raw, self.source, self.bounds = raw, source, bounds
        self.seed, self.pieces = seed, pieces
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
        mixed, total = dispersion < MIXED or len(counts) == 1, int(counts.sum())
        self._plan(FOREST | {"votes": 1} | (BALANCED if mixed else {}))
        granularities = GRANULARITIES if mixed else WIDE_GRANULARITIES
        forest = self.forest(total, EXPONENT_OF_COUNTS)
        parts = forest_votes(forest, self.groups, total, granularities)
        if mixed:
            parts += self._balanced_votes(counts)
        return self._unequal(known, parts)

    def counts_unknown(self) -> Structure:
        """Share out a given total, or estimate it."""
        found = self.posterior()
        return self.at_choice(self.choice(found), found)

    def choice(self, found: CountPosterior) -> TotalChoice:
        """Return the total to work with."""
        return choose_total(self.sizes, self.bounds, found, self._even_stability)

    def _even_stability(self, whole: WholeTotals) -> StabilityCurve:
        """Return how stable equal parts are at each whole total."""
        rows = sample_for_evidence(self.source, seed=self.seed)
        part = self.source.at(rows)
        self._plan(BALANCED | {"consensus": 1}, even=N_REPEATS * len(rows) * len(whole.totals))
        inside = reduced(np.asarray(self.raw[rows]), part)
        return even_stability(inside, part, whole, seed=self.seed, pieces=self.pieces)

    def _plan(self, passes: Mapping[str, int], **rows: int) -> None:
        """Say what is ahead: passes over all rows by kind of piece, and pieces with fewer rows."""
        self.pieces.plan({kind: n * len(self.raw) for kind, n in passes.items()} | rows)

    def posterior(self) -> CountPosterior:
        """Return what the data say of the counts."""
        seen = np.minimum(self.sizes, MOST_ROWS)
        asked = {"evidence": int(seen.sum())}
        total = self.bounds.total
        split = total is not None and total > len(self.sizes)
        if total is None or not equal_at_total(self.sizes, total, self.bounds.sizes):
            asked["stability"] = N_REPEATS * int(seen.sum())
            asked["twins"] = 0 if split else n_rows_of_twins(seen)
        self._plan(FOREST | {"votes": 2}, **asked)
        return count_posterior(
            self.raw,
            self.source,
            self.bounds.low,
            self.bounds.high,
            least_samples=self.least,
            seed=self.seed,
            surely_split=split,
            pieces=self.pieces,
        )

    def at_choice(self, choice: TotalChoice, found: CountPosterior) -> Structure:
        """Return the structure of a total."""
        if choice.equal:
            counts = shared_by_sizes(self.sizes, self.bounds, choice, found)
            return self._equal(with_intervals(counts, self.sizes, choice, found))
        self._plan(FOREST | {"votes": 2 if choice.supported is None else 3})
        forest = self.forest(choice.n_fine, EXPONENT_OF_TOTAL)
        prior = prior_beside_votes(self.sizes, choice, found, min(MOST_COUNT, choice.n_fine))
        return self._of_votes(forest, choice, prior, found)

    def other_total(
        self, forest: Forest, n_fine: int, choice: TotalChoice, found: CountPosterior
    ) -> Structure:
        """Return the structure of another total than the one chosen, from the same trees."""
        other = replace(choice, n_fine=n_fine, equal=False)
        prior = prior_at_total(found, n_fine, min(MOST_COUNT, n_fine))
        return self._of_votes(forest, other, prior, found)

    def _of_votes(
        self, forest: Forest, choice: TotalChoice, prior: Float, found: CountPosterior
    ) -> Structure:
        """Return the structure that votes and a log prior (C, K) of the counts speak for."""
        granularities = WIDE_GRANULARITIES if choice.very_unequal else GRANULARITIES
        parts = forest_votes(forest, self.groups, choice.n_fine, granularities)
        trees = self._trees(parts, -(-choice.n_fine // len(self.groups)), 0)
        pruned = self._pruned(trees)
        total = self._possible(pruned, choice)

        def cut(counts: IntArray, choice: TotalChoice) -> Structure:
            return self._unequal(with_intervals(counts, self.sizes, choice, found), parts, choice)

        votes = split_evidence(pruned, total, prior.shape[1])
        counts = shared_by_votes(votes, prior, total, self.bounds)
        usual = cut(counts, replace(choice, supported=None))
        if choice.supported is None:
            return usual
        gains = gain_table(self._gainful(trees, choice))
        high = np.minimum(self.bounds.high, gains.shape[1])
        gainful = cut(allocate(gains, total, self.bounds.low, high), choice)
        return usual if usual.comes_back - gainful.comes_back > CLEARLY_BETTER else gainful

    def _gainful(self, trees: Sequence[MergeTree], choice: TotalChoice) -> list[GainfulCuts]:
        """Return the cuts that are expected to gain most where a total asks for more than shows."""
        assert choice.supported is not None
        return gainful_cuts(
            trees,
            choice.n_fine,
            choice.supported,
            most=min(MOST_COUNT, choice.n_fine),
            least=self.least,
        )

    def forest(self, n_fine: int, size_exponent: float, *, most_fine: int | None = None) -> Forest:
        """Return the trees of all views, from which the votes of any total are cut."""
        return view_forest(
            unequal_views(self.raw, self.source),
            self.source,
            n_fine,
            most_fine=most_fine,
            size_exponent=size_exponent,
            pieces=self.pieces,
        )

    def _trees(self, parts: Sequence[IntArray], most: int, number: int) -> list[MergeTree]:
        """Return the trees of a vote, for up to `most` clusters; `number` tells votes apart."""

        def make(on_rows: Told) -> list[MergeTree]:
            return vote_trees(parts, self.groups, most, on_rows=on_rows)

        return kept_trees(self.pieces, "votes", number, len(self.raw), make)

    def _pruned(self, trees: list[MergeTree]) -> list[MergeTree]:
        """Return the trees without splits that leave fewer than the least samples on a side."""
        return trees if self.least <= 1 else [tree.pruned(self.least) for tree in trees]

    def _possible(self, trees: Sequence[MergeTree], choice: TotalChoice) -> int:
        """Return the total, or as many classes as the trees hold where it was estimated."""
        leaves = _leaves(trees)
        self._demand_leaves(leaves, self.bounds.low)
        room = int(np.minimum(leaves, self.bounds.high).sum())
        if choice.n_fine > room and not choice.estimated:
            raise ConfigError(
                f"n_fine = {choice.n_fine} was asked for, but the data split into at most {room} "
                f"classes of at least {self.bounds.least_samples} samples; give a smaller n_fine "
                "or least_samples.",
                code=INFEASIBLE,
            )
        return min(choice.n_fine, room)

    def _demand_leaves(self, leaves: IntArray, counts: IntArray) -> None:
        short = np.flatnonzero(leaves < counts)
        if len(short):
            name = self.source.names[short[0]]
            raise ConfigError(
                f"{counts[short[0]]} fine classes were asked for in {name!r}, but it splits into "
                f"at most {leaves[short[0]]} of at least {self.bounds.least_samples} samples; give "
                "a smaller n_fine_per_coarse or least_samples.",
                code=INFEASIBLE,
            )

    def _unequal(
        self, counts: Counts, parts: list[IntArray], choice: TotalChoice | None = None
    ) -> Structure:
        """Cut the votes' trees; `choice` is None where the user gave the counts."""
        number = 1 if choice is None or choice.supported is None else 2
        trees = self._trees(parts, int(counts.n_fine.max()), number)
        self._demand_leaves(_leaves(self._pruned(trees)), counts.n_fine)
        fine = cut_at_counts(self._cuttable(trees, choice), self.groups, counts.n_fine)
        return self._structure(fine, counts, parts)

    def _cuttable(
        self, trees: list[MergeTree], choice: TotalChoice | None
    ) -> Sequence[MergeTree | GainfulCuts]:
        """Return the trees as they are to be cut; splits of few samples come first if they may."""
        if choice is not None and choice.supported is not None:
            return self._gainful(trees, choice)
        if choice is not None and choice.very_unequal:
            usual = len(self.raw) / choice.n_fine
            trees = [tree.weighed_by_size(usual, EXPONENT_OF_SMALL_SPLITS) for tree in trees]
        return self._pruned(trees)

    def _equal(self, counts: Counts) -> Structure:
        self._plan(BALANCED | {"consensus": 1})
        parts = self._balanced_votes(counts.n_fine)

        def consensus(on_rows: Told) -> Arrays:
            fine = balanced_consensus(
                parts, self.groups, counts.n_fine, seed=self.seed, on_rows=on_rows
            )
            return {"fine": fine}

        fine = self.pieces.made("consensus", 0, len(self.raw), consensus)["fine"]
        return self._structure(fine, counts, parts)

    def _balanced_votes(self, counts: IntArray) -> list[IntArray]:
        views = equal_views(self.raw, self.source, seed=self.seed, pieces=self.pieces)
        return balanced_votes(views, self.source, counts, seed=self.seed, pieces=self.pieces)

    def _structure(self, fine: IntArray, counts: Counts, parts: list[IntArray]) -> Structure:
        return Structure(fine, counts, class_stability(fine, parts, int(counts.n_fine.sum())))


def _leaves(trees: Sequence[MergeTree]) -> IntArray:
    """Return (C,) the clusters that each tree can be cut into."""
    return np.array([1 + len(tree.costs) for tree in trees])
