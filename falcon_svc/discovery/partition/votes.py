"""Partitions of all coarse classes, and their vote.

Where fine classes are of unequal size, every view is cut before and after one round of the shared
metric, by average linkage, at one common cost for all coarse classes, and at several granularities
(`GRANULARITIES`, in units of the wanted total; `WIDE_GRANULARITIES` where sizes are known to be
very unequal). How often two samples fall together is then their
similarity; average linkage of it gives one tree per coarse class whose costs mean the same in all
of them (evidence accumulation, Fred and Jain 2005; the joint choice of counts and partition is
ours). Where sizes are equal, balanced k-means of other views votes, and counts come first.

No single view is best on all data, and no internal criterion was found that picks the best one;
their vote is about as good as the best. Figures: docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from falcon_svc.discovery.partition.balanced_kmeans import balanced_kmeans
from falcon_svc.discovery.partition.merge_tree import (
    MergeTree,
    cut_at_common_cost,
    groups_for,
    merge_trees,
    trees_of,
)
from falcon_svc.discovery.partition.tree_arrays import kept_trees
from falcon_svc.discovery.partition.views import View, smoothing_steps
from falcon_svc.discovery.pieces import Pieces, Told
from falcon_svc.types import FloatArray, IntArray, LabelSource

GRANULARITIES, WIDE_GRANULARITIES = (1.0, 1.4, 2.0), (0.7, 1.0, 1.4, 2.0, 2.8)
SMALLEST_COST = 1e-3
"""Costs are counts of votes: pairs that are never parted must not outweigh all others."""

LEAST_ROWS_PER_CLUSTER = 3
METRIC_ROUNDS = 3
KMEANS_STARTS = 8
LATER_STARTS = 1  # besides the earlier partition
CONSENSUS_STARTS = 5


Forest = list[list[MergeTree]]
"""One list of trees, a tree per coarse class, for every view and round."""


def view_forest(
    views: Sequence[View],
    source: LabelSource,
    n_fine: int,
    *,
    most_fine: int | None = None,
    size_exponent: float,
    pieces: Pieces,
) -> Forest:
    """Return the trees of every view, before and after one round of the shared metric.

    Parameters
    ----------
    views
        Views of n rows, every row labelled.
    source
        Their coarse labels.
    n_fine
        F, the total at which the metric's classes are cut.
    most_fine
        The largest total that the trees will be cut for; None = F.
    size_exponent
        Exponent of sizes in the trees; 0 suits unequal sizes, 1 equal ones.
    pieces
        The trees of a view and round are one, and so is the draft that the metric is learned on.
    """
    groups, n_rows = source.rows_by_class(), len(source.labels)
    n_steps = smoothing_steps(n_rows / n_fine)
    largest = _granular(max(n_fine, most_fine or 0), WIDE_GRANULARITIES[-1], len(groups), n_rows)
    most = -(-largest // len(groups))

    def trees(view: View, draft: IntArray | None, on_rows: Told) -> list[MergeTree]:
        space = (view if draft is None else view.after(draft)).space(source, n_steps)
        return trees_of(space, groups, size_exponent, most, on_rows=on_rows)

    def of_views(draft: IntArray | None, first_number: int) -> Forest:
        return pieces.at_once(
            [
                partial(kept_trees, pieces, "trees", number, n_rows, partial(trees, view, draft))
                for number, view in enumerate(views, first_number)
            ]
        )

    first = of_views(None, 0)
    draft = pieces.made("draft", 0, n_rows, partial(_draft, first, groups, n_fine, most))["fine"]
    return first + of_views(draft, len(views))


def _draft(
    forest: Forest, groups: list[IntArray], n_fine: int, most: int, on_rows: Told
) -> dict[str, IntArray]:
    """The partition (n,) into `n_fine` clusters that the views agree on so far."""
    trees = vote_trees(forest_votes(forest, groups, n_fine), groups, most, on_rows=on_rows)
    return {"fine": cut_at_common_cost(trees, groups, n_fine)}


def forest_votes(
    forest: Forest,
    groups: list[IntArray],
    n_fine: int,
    granularities: Sequence[float] = GRANULARITIES,
) -> list[IntArray]:
    """Return a partition (n,) for every list of trees and granularity of the total `n_fine`."""
    n_rows = sum(map(len, groups))
    totals = [_granular(n_fine, times, len(groups), n_rows) for times in granularities]
    return [cut_at_common_cost(trees, groups, total) for trees in forest for total in totals]


def _granular(n_fine: int, times: float, n_coarse: int, n_rows: int) -> int:
    """Return `times` the total, as far as there are rows for it."""
    most = max(n_coarse, n_rows // LEAST_ROWS_PER_CLUSTER)
    return int(np.clip(round(times * n_fine), n_coarse, most))


def vote_trees(
    parts: Sequence[IntArray],
    groups: list[IntArray],
    most_clusters: int,
    *,
    on_rows: Told = lambda _: None,
) -> list[MergeTree]:
    """Return per coarse class the average-linkage tree of how often samples fall together.

    A cost is twice the number of partitions that part two clusters' samples, on average.
    """
    votes = (_votes(parts, rows) for rows in groups)
    most = groups_for(most_clusters)
    return merge_trees(votes, size_exponent=0.0, max_groups=most, on_rows=on_rows)


def balanced_votes(
    views: Sequence[Callable[[], View]],
    source: LabelSource,
    counts: IntArray,
    *,
    seed: int,
    pieces: Pieces,
) -> list[IntArray]:
    """Return partitions (n,) into clusters of like size: of each view, the first and the last.

    Between them lie `METRIC_ROUNDS` rounds of the shared metric. `counts` (C,) is the number of
    clusters of each coarse class. Each partition of a view and round is one of the `pieces`; views
    are made and cut at once, the last one, which takes longest, begins.
    """
    groups, n_rows = source.rows_by_class(), len(source.labels)
    n_steps = smoothing_steps(n_rows / int(counts.sum()))

    def cut(view: View, earlier: IntArray | None, on_rows: Told) -> dict[str, IntArray]:
        space = (view if earlier is None else view.after(earlier)).space(source, n_steps)
        n_starts = KMEANS_STARTS if earlier is None else LATER_STARTS
        return {"fine": _balanced(space, groups, counts, n_starts, seed, earlier, on_rows)}

    def cuts(number: int) -> list[IntArray]:
        view, found = views[number](), list[IntArray]()
        for step in range(METRIC_ROUNDS + 1):
            make = partial(cut, view, found[-1] if found else None)
            place = number * (METRIC_ROUNDS + 1) + step
            found.append(pieces.made("balanced", place, n_rows, make)["fine"])
        return [found[0], found[-1]]

    last_first = [partial(cuts, number) for number in reversed(range(len(views)))]
    return [part for parts in reversed(pieces.at_once(last_first)) for part in parts]


def balanced_consensus(
    parts: Sequence[IntArray],
    groups: list[IntArray],
    counts: IntArray,
    *,
    seed: int,
    on_rows: Told = lambda _: None,
) -> IntArray:
    """Return (n,) fine ids: each coarse class cut into equal parts by its samples' votes."""
    votes = [_votes(parts, rows) for rows in groups]
    labels = balanced_kmeans(votes, counts, n_starts=CONSENSUS_STARTS, seed=seed, on_rows=on_rows)
    return _joined(labels, groups, counts)


def _balanced(
    space: FloatArray,
    groups: list[IntArray],
    counts: IntArray,
    n_starts: int,
    seed: int,
    earlier: IntArray | None,
    on_rows: Told,
) -> IntArray:
    first = np.cumsum(counts) - counts
    starts = (
        None if earlier is None else [earlier[r] - i for r, i in zip(groups, first, strict=True)]
    )
    spaces = [space[rows] for rows in groups]
    labels = balanced_kmeans(
        spaces, counts, n_starts=n_starts, seed=seed, earlier=starts, on_rows=on_rows
    )
    return _joined(labels, groups, counts)


def _joined(labels: list[IntArray], groups: list[IntArray], counts: IntArray) -> IntArray:
    """Fine ids (n,), consecutive over coarse classes, of every class's own labels."""
    fine = np.zeros(sum(map(len, groups)), np.int64)
    for rows, own, first in zip(groups, labels, np.cumsum(counts) - counts, strict=True):
        fine[rows] = first + own
    return fine


def _votes(parts: Sequence[IntArray], rows: IntArray) -> FloatArray:
    """One-hot labels in all partitions, side by side: (n, clusters)."""
    return np.concatenate([_one_hot(part[rows]) for part in parts], axis=1)


def _one_hot(labels: IntArray) -> FloatArray:
    above = labels - labels.min()
    number = np.cumsum(np.bincount(above) > 0) - 1
    return np.asarray(np.eye(int(number[-1]) + 1, dtype=np.float32)[number[above]])
