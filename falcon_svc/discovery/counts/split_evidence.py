"""What speaks for a split of a coarse class being a border between fine classes.

Ward's tree of each coarse class, in the views `directions` and `lengths`, proposes splits of a
node into a smaller side A and a larger side B. Each gets the numbers of `NAMES`: all are ratios
or row counts, so they mean the same in every data set. `split_model` turns them into a
probability. At most `MOST_ROWS` rows of a coarse class are looked at, so that all data sets are
seen at about the same density. Ours; what each piece is worth and what was dropped is in
docs/decisions/0004-number-of-classes.md.

- log_small, log_n: log of the rows of A, and of A and B;
- other, far: log distance to the 5th nearest row of the sister side, relative to that of any other
  coarse class, and of the own side;
- gap_directions, gap_lengths, gap_metric: log of the distance of the means over the sum of the
  standard deviations along the axis of the means;
- own_directions, own_metric: share of the 10 nearest neighbors on the own side, less chance;
- dip: depth of the valley in the histogram along the axis of the means;
- jump, to_root: log of the node's height over its higher child's, and over the root's; a height is
  the mean distance between the sides;
- apart, apart_metric: log of the distance of the means, less what noise adds, over the root mean
  square length inside coarse classes;
- between_within: log of that distance squared over the scatter inside the sides, in the metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster

from falcon_svc.discovery.counts.split_measures import (
    NTH,
    TINY,
    Sides,
    dips,
    mean_log_ratios,
    members_mask,
    nth,
    nth_distances,
    own_shares,
    space_measures,
)
from falcon_svc.discovery.partition.distances import distance_table, ward_steps
from falcon_svc.discovery.partition.shared_metric import SharedMetric, centred, unit_rows
from falcon_svc.discovery.partition.views import SHRINKAGE, View, few_axes, reduced
from falcon_svc.discovery.pieces import Told
from falcon_svc.threads import in_threads
from falcon_svc.types import FloatArray, IntArray, LabelSource

MOST_ROWS = 500
LEAST_ROWS = 4
"""Fewer rows on a side are no split: they drop out, as in HDBSCAN's condensed tree."""

MOST_OTHER_ROWS = 4_000
LEAST_MEAN_AT_ONCE = 200
"""Rows of a coarse class, on average, from which it is worth a thread; less is mostly Python."""

ROWS_PER_MICRO_CLUSTER = 8
N_STEPS = 3
N_NEIGHBORS = 10
SPARE = 3
"""Candidates beside the 5 nearest: a product in single precision may mistake their order."""

NAMES = (
    *("log_small", "log_n", "other", "far"),
    *("gap_directions", "gap_lengths", "gap_metric", "own_directions", "own_metric", "dip"),
    *("jump", "to_root", "apart", "apart_metric", "between_within"),
)

JUMP, TO_ROOT = NAMES.index("jump"), NAMES.index("to_root")

Float = NDArray[np.float64]


@dataclass(frozen=True)
class SplitTree:
    """Proposed splits of one coarse class, parents before children.

    Parameters
    ----------
    rows
        Per node the rows (of the sample looked at) that it holds.
    children
        (S, 2) node numbers of the smaller and the larger side; -1 where a node has no split.
    evidence
        (S, len(NAMES)) float64; rows of nodes without a split are 0.
    """

    rows: tuple[IntArray, ...]
    children: IntArray
    evidence: Float


def split_trees(
    raw: FloatArray,
    source: LabelSource,
    *,
    least_rows: int = LEAST_ROWS,
    on_rows: Told = lambda _: None,
) -> list[tuple[SplitTree, ...]]:
    """Return per coarse class its trees, one per view.

    Parameters
    ----------
    raw
        (n, D) features as they came, at most `MOST_ROWS` of each coarse class
        (`sample_for_evidence`).
    source
        Their coarse labels, every row labelled.
    least_rows
        Fewest rows on a side of a split.
    on_rows
        Called with the rows of each coarse class that is done.
    """
    scene, found = _Scene(raw, source), []
    every, least = range(source.n_coarse), max(least_rows, LEAST_ROWS)
    at_once = len(raw) >= LEAST_MEAN_AT_ONCE * source.n_coarse
    trees = (in_threads if at_once else map)(partial(scene.trees, least_rows=least), every)
    for rows, own in zip(scene.groups, trees, strict=True):
        found.append(own)
        on_rows(len(rows))
    return found


def sample_for_evidence(source: LabelSource, *, seed: int) -> IntArray:
    """Return ascending rows, at most `MOST_ROWS` of each coarse class."""
    rng = np.random.default_rng(seed)
    kept = [
        rows if len(rows) <= MOST_ROWS else rng.choice(rows, MOST_ROWS, replace=False)
        for rows in source.rows_by_class()
    ]
    return np.sort(np.concatenate(kept))


class _Scene:
    """All coarse classes in the spaces that evidence is read from."""

    def __init__(self, raw: FloatArray, source: LabelSource) -> None:
        self.source, self.groups = source, source.rows_by_class()
        self.lengths = reduced(raw, source)
        self.directions = few_axes(unit_rows(raw - raw.mean(axis=0)))
        self.smooth = (
            View(unit_rows(raw), self.lengths, "unit").space(source, N_STEPS),
            View(self.lengths, self.lengths, "kept").space(source, N_STEPS),
        )
        self.wards = [[_ward(space[rows]) for rows in self.groups] for space in self.smooth]
        micro = _micro_clusters(self.wards[-1], self.groups)
        metric = SharedMetric.learn(self.lengths, micro, shrinkage=SHRINKAGE)
        self.metric = np.asarray(self.lengths @ metric.projection, np.float32)
        self.spread = _root_mean_square(centred(self.directions, source.labels))
        self.spread_metric = _root_mean_square(self.metric)
        self.square = (self.directions**2).sum(axis=1)
        self.others = np.random.default_rng(0).permutation(len(raw))

    def trees(self, coarse: int, least_rows: int) -> tuple[SplitTree, ...]:
        """Return the trees of a coarse class."""
        rows = self.groups[coarse]
        if len(rows) < 2 * least_rows:
            none = SplitTree((rows,), np.full((1, 2), -1), np.zeros((1, len(NAMES))))
            return (none,) * len(self.smooth)
        group = _Group(self, rows)
        return tuple(
            _tree(group, space[rows], ward[coarse], least_rows)
            for space, ward in zip(self.smooth, self.wards, strict=True)
        )

    def nearest_other(self, rows: IntArray) -> Float:
        """Distance of each row to the 5th nearest row of any other coarse class; NaN: none.

        The nearest are found by a product of matrices, and only their distances taken exactly.
        """
        label = self.source.labels
        first = self.others[: MOST_OTHER_ROWS + len(rows)]
        others = first[label[first] != label[rows[0]]][:MOST_OTHER_ROWS]
        if not len(others):
            return np.full(len(rows), np.nan)
        own, far = self.directions[rows], self.directions[others]
        near = self.square[others] - 2 * own @ far.T
        n_near = min(NTH + SPARE, len(others))
        if n_near < len(others):
            nearest = np.argpartition(near, n_near - 1, axis=1)[:, :n_near]
        else:
            nearest = np.broadcast_to(np.arange(n_near), near.shape)
        apart = own[:, None].astype(np.float64) - far[nearest]
        return nth(np.sqrt((apart**2).sum(axis=2)), NTH - 1)


class _Group:
    """One coarse class: its rows in every space, their distances and neighbors."""

    def __init__(self, scene: _Scene, rows: IntArray) -> None:
        self.scene, self.rows = scene, rows
        self.directions, self.lengths = scene.directions[rows], scene.lengths[rows]
        self.metric = scene.metric[rows]
        self.distance = distance_table(self.directions)
        self.neighbors = _neighbors(self.distance)
        self.neighbors_metric = _neighbors(distance_table(self.metric))
        self.other = scene.nearest_other(rows)

    def __len__(self) -> int:
        return len(self.rows)


def _tree(group: _Group, space: FloatArray, ward: Float, least_rows: int) -> SplitTree:
    """Ward's tree of a smoothed space, condensed, with evidence for every split."""
    members, children = _condensed(ward, len(space), least_rows)
    evidence = np.zeros((len(members), len(NAMES)))
    split = np.flatnonzero(children[:, 0] >= 0)
    if len(split):
        heights = np.maximum(_heights(distance_table(space), members, children), TINY)
        evidence[split] = _evidence(group, members, children[split])
        evidence[split, JUMP] = np.log(heights[split] / heights[children[split]].max(axis=1))
        evidence[split, TO_ROOT] = np.log(heights[split] / heights[0])
    return SplitTree(tuple(group.rows[m] for m in members), children, evidence)


def _condensed(steps: Float, n: int, least_rows: int) -> tuple[list[IntArray], IntArray]:
    """Nodes' members and children of scipy's tree, where small sides drop out with their node."""
    sides = steps[:, :2].astype(np.int64).tolist()
    inside: list[IntArray] = list(np.arange(n)[:, None])
    for a, b in sides:
        inside.append(np.concatenate([inside[a], inside[b]]))

    def small_and_large(node: int) -> tuple[int, int]:
        a, b = sides[node - n]
        return (a, b) if len(inside[a]) <= len(inside[b]) else (b, a)

    def real(node: int) -> int:
        """Follow the larger side down to the next split with enough rows on both sides."""
        while node >= n:
            small, large = small_and_large(node)
            if len(inside[small]) >= least_rows:
                return node
            node = large
        return node

    found: list[IntArray] = []
    children: list[list[int]] = []
    waiting = [(len(inside) - 1, -1, 0)]
    while waiting:
        top, parent, place = waiting.pop()
        node = real(top)
        if parent >= 0:
            children[parent][place] = len(found)
        children.append([-1, -1])
        if node >= n:
            small, large = small_and_large(node)
            waiting += [(large, len(found), 1), (small, len(found), 0)]
        found.append(inside[node] if node >= n else inside[top])
    return found, np.array(children, np.int64)


def _heights(distance: Float, members: list[IntArray], children: IntArray) -> Float:
    """Mean distance between the sides of each node, or inside a node that is not split."""
    mask = members_mask(members, len(distance))
    own = np.arange(len(members))
    leaf = children[:, 0] < 0
    one, other = (np.where(leaf, own, side) for side in children.T)
    total = ((mask @ distance)[one] * mask[other]).sum(axis=1)
    size = mask.sum(axis=1)
    return np.asarray(total / (size[one] * size[other]))


def _evidence(group: _Group, members: list[IntArray], pairs: IntArray) -> Float:
    """Evidence (S, names) for the splits into the members of `pairs` (S, 2), heights left out."""
    sides = Sides([members[i] for i in pairs[:, 0]], [members[i] for i in pairs[:, 1]], len(group))
    a, b = sides.masks()
    directions, lengths, metric = (
        space_measures(rows, a, b) for rows in (group.directions, group.lengths, group.metric)
    )
    sister, own = nth_distances(group.distance, sides)
    spread, spread_metric = (
        np.log(max(each, TINY)) for each in (group.scene.spread, group.scene.spread_metric)
    )
    numbers = {
        "log_small": np.log(a.sum(axis=1)),
        "log_n": np.log((a + b).sum(axis=1)),
        "other": _beside_others(group, sister, sides),
        "far": mean_log_ratios(sister, own, sides),
        "gap_directions": directions.gap,
        "gap_lengths": lengths.gap,
        "gap_metric": metric.gap,
        "own_directions": own_shares(group.neighbors, a, b),
        "own_metric": own_shares(group.neighbors_metric, a, b),
        "dip": dips(directions.places, a + b),
        "apart": 0.5 * np.log(directions.apart) - spread,
        "apart_metric": 0.5 * np.log(metric.apart) - spread_metric,
        "between_within": np.log(metric.apart / (metric.within + TINY) + 1e-6),
    }
    none = np.zeros(len(pairs))
    return np.stack([numbers.get(name, none) for name in NAMES], axis=1)


def _beside_others(group: _Group, sister: list[Float], sides: Sides) -> Float:
    """Sister distances relative to those of other coarse classes; 0 where there are none."""
    if np.isnan(group.other[0]):
        return np.zeros(len(sister))
    pairs = zip(sides.a, sides.b, strict=True)
    other = [group.other[np.concatenate(pair)] for pair in pairs]
    return mean_log_ratios(sister, other, sides)


def _ward(rows: FloatArray) -> Float:
    """Scipy's Ward linkage; nothing of a single row."""
    return ward_steps(rows) if len(rows) > 1 else np.zeros((0, 4))


def _micro_clusters(wards: list[Float], groups: list[IntArray]) -> IntArray:
    """Ward clusters of about 8 rows: their scatter is the noise that the metric divides out."""
    micro, first = np.zeros(sum(map(len, groups)), np.int64), 0
    for ward, rows in zip(wards, groups, strict=True):
        k = max(1, len(rows) // ROWS_PER_MICRO_CLUSTER)
        if k > 1:
            micro[rows] = fcluster(ward, k, "maxclust") - 1
        micro[rows] += first
        first += int(micro[rows].max()) - first + 1
    return micro


def _neighbors(distance: Float) -> IntArray:
    own = distance.copy()
    np.fill_diagonal(own, np.inf)
    k = min(N_NEIGHBORS, len(own) - 1)
    return np.argpartition(own, k - 1, axis=1)[:, :k].astype(np.int64)


def _root_mean_square(rows: FloatArray) -> float:
    return float(np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1).mean()))
