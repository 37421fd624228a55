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

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, pdist, squareform

from falcon_svc.discovery.partition.shared_metric import SharedMetric, centred, unit_rows
from falcon_svc.discovery.partition.views import SHRINKAGE, View, few_axes, reduced
from falcon_svc.discovery.pieces import Told
from falcon_svc.types import FloatArray, IntArray, LabelSource

MOST_ROWS = 500
LEAST_ROWS = 4
"""Fewer rows on a side are no split: they drop out, as in HDBSCAN's condensed tree."""

MOST_OTHER_ROWS = 4_000
ROWS_PER_MICRO_CLUSTER = 8
N_STEPS = 3
N_NEIGHBORS = 10
NTH = 5
TINY = 1e-9

NAMES = (
    *("log_small", "log_n", "other", "far"),
    *("gap_directions", "gap_lengths", "gap_metric", "own_directions", "own_metric", "dip"),
    *("jump", "to_root", "apart", "apart_metric", "between_within"),
)

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
    for rows in source.rows_by_class():
        found.append(scene.trees(rows, max(least_rows, LEAST_ROWS)))
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
        self.source = source
        self.lengths = reduced(raw, source)
        self.directions = few_axes(unit_rows(raw - raw.mean(axis=0)))
        smooth = View(self.lengths, self.lengths, "kept").space(source, N_STEPS)
        self.smooth = (View(unit_rows(raw), self.lengths, "unit").space(source, N_STEPS), smooth)
        micro = _micro_clusters(smooth, source)
        metric = SharedMetric.learn(self.lengths, micro, shrinkage=SHRINKAGE)
        self.metric = np.asarray(self.lengths @ metric.projection, np.float32)
        self.spread = _root_mean_square(centred(self.directions, source.labels))
        self.spread_metric = _root_mean_square(self.metric)
        self.others = np.random.default_rng(0).permutation(len(raw))

    def trees(self, rows: IntArray, least_rows: int) -> tuple[SplitTree, ...]:
        """Return the trees of the coarse class that holds these rows."""
        if len(rows) < 2 * least_rows:
            none = SplitTree((rows,), np.full((1, 2), -1), np.zeros((1, len(NAMES))))
            return (none,) * len(self.smooth)
        group = _Group(self, rows)
        return tuple(_tree(group, space[rows], least_rows) for space in self.smooth)

    def nearest_other(self, rows: IntArray) -> Float:
        """Distance of each row to the 5th nearest row of any other coarse class; NaN: none."""
        label = self.source.labels
        others = self.others[label[self.others] != label[rows[0]]][:MOST_OTHER_ROWS]
        if not len(others):
            return np.full(len(rows), np.nan)
        return _nth(cdist(self.directions[rows], self.directions[others]), NTH - 1)


class _Group:
    """One coarse class: its rows in every space, their distances and neighbors."""

    def __init__(self, scene: _Scene, rows: IntArray) -> None:
        self.scene, self.rows = scene, rows
        self.directions, self.lengths = scene.directions[rows], scene.lengths[rows]
        self.metric = scene.metric[rows]
        self.distance = squareform(pdist(self.directions))
        self.neighbors = _neighbors(self.distance)
        self.neighbors_metric = _neighbors(squareform(pdist(self.metric)))
        self.other = scene.nearest_other(rows)


def _tree(group: _Group, space: FloatArray, least_rows: int) -> SplitTree:
    """Ward's tree in a smoothed space, condensed, with evidence for every split."""
    members, children = _condensed(linkage(space, "ward"), len(space), least_rows)
    distance = squareform(pdist(space))
    heights = np.array([_height(distance, members, pair, i) for i, pair in enumerate(children)])
    evidence = np.zeros((len(members), len(NAMES)))
    for node, pair in enumerate(children):
        if pair[0] >= 0:
            a, b = members[pair[0]], members[pair[1]]
            jump = np.log(heights[node] / max(heights[pair].max(), TINY))
            to_root = np.log(max(heights[node], TINY) / max(heights[0], TINY))
            evidence[node] = _evidence(group, a, b, jump, to_root)
    return SplitTree(tuple(group.rows[m] for m in members), children, evidence)


def _condensed(steps: Float, n: int, least_rows: int) -> tuple[list[IntArray], IntArray]:
    """Nodes' members and children of scipy's tree, where small sides drop out with their node."""
    sides = steps[:, :2].astype(np.int64)
    inside: list[IntArray] = [np.array([i]) for i in range(n)]
    for a, b in sides:
        inside.append(np.concatenate([inside[a], inside[b]]))

    def real(node: int) -> int:
        """Follow the larger side down to the next split with enough rows on both sides."""
        while node >= n:
            a, b = sorted(sides[node - n], key=lambda side: len(inside[side]))
            if len(inside[a]) >= least_rows:
                return node
            node = b
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
            a, b = sorted(sides[node - n], key=lambda side: len(inside[side]))
            waiting += [(int(b), len(found), 1), (int(a), len(found), 0)]
        found.append(inside[node] if node >= n else inside[top])
    return found, np.array(children, np.int64)


def _height(distance: Float, members: list[IntArray], pair: IntArray, node: int) -> float:
    """Mean distance between the sides, or inside a node that is not split."""
    if pair[0] >= 0:
        return float(distance[np.ix_(members[pair[0]], members[pair[1]])].mean())
    own = members[node]
    return float(distance[np.ix_(own, own)].mean())


def _evidence(group: _Group, a: IntArray, b: IntArray, jump: float, to_root: float) -> Float:
    both = np.concatenate([a, b])
    sister = np.concatenate(
        [_nth(group.distance[np.ix_(x, y)], NTH - 1) for x, y in ((a, b), (b, a))]
    )
    own = np.concatenate([_nth(group.distance[np.ix_(x, x)], NTH) for x in (a, b)])

    def mean_log(ratio: Float) -> float:  # both sides weigh alike
        logs = np.log(ratio)
        return float((logs[: len(a)].mean() + logs[len(a) :].mean()) / 2)

    alone = np.isnan(group.other[0])  # the only coarse class
    other = 0.0 if alone else mean_log((sister + TINY) / (group.other[both] + TINY))
    gap, along = _gap(group.directions, a, b)
    far = mean_log((sister + TINY) / (own + TINY))
    apart, _ = _apart(group.directions, a, b)
    apart_metric, within = _apart(group.metric, a, b)
    return np.array(
        [
            *(np.log(len(a)), np.log(len(both)), other, far),
            *(gap, _gap(group.lengths, a, b)[0], _gap(group.metric, a, b)[0]),
            *(_own_share(group.neighbors, a, b), _own_share(group.neighbors_metric, a, b)),
            *(_dip(along), jump, to_root),
            0.5 * np.log(apart) - np.log(max(group.scene.spread, TINY)),
            0.5 * np.log(apart_metric) - np.log(max(group.scene.spread_metric, TINY)),
            np.log(apart_metric / (within + TINY) + 1e-6),
        ]
    )


def _gap(rows: FloatArray, a: IntArray, b: IntArray) -> tuple[float, Float]:
    """Log separation along the axis of the means, and the rows' places on it."""
    axis = rows[a].mean(axis=0) - rows[b].mean(axis=0)
    length = float(np.linalg.norm(axis))
    if length < TINY:
        return float(np.log(1e-6)), np.zeros(len(a) + len(b))
    at_a, at_b = rows[a] @ axis / length, rows[b] @ axis / length
    gap = np.log(length / (at_a.std() + at_b.std() + TINY) + 1e-6)
    return float(gap), np.concatenate([at_a, at_b]).astype(np.float64)


def _apart(rows: FloatArray, a: IntArray, b: IntArray) -> tuple[float, float]:
    """Squared distance of the means less what sampling adds, and the scatter inside the sides."""
    scatter_a, scatter_b = float(rows[a].var(axis=0).sum()), float(rows[b].var(axis=0).sum())
    square = float(((rows[a].mean(axis=0) - rows[b].mean(axis=0)) ** 2).sum())
    noise = scatter_a / len(a) + scatter_b / len(b)
    within = (len(a) * scatter_a + len(b) * scatter_b) / (len(a) + len(b))
    return max(square - noise, 1e-6), within


def _own_share(neighbors: IntArray, a: IntArray, b: IntArray) -> float:
    """Share of neighbors inside the node that lie on the own side, less chance; sides alike."""
    side = np.full(len(neighbors), -1)
    side[a], side[b] = 0, 1
    total, share = len(a) + len(b), 0.0
    for own, rows in enumerate((a, b)):
        near = side[neighbors[rows]]
        share += (near == own).sum() / max(1, (near >= 0).sum()) - len(rows) / total
    return float(share / 2)


def _dip(places: Float) -> float:
    """Depth of the deepest valley of a smoothed histogram, as a share of its highest bin."""
    n_bins = int(np.clip(int(len(places) ** 0.5) + 2, 6, 24))
    bins = np.convolve(np.histogram(places, n_bins)[0], [0.25, 0.5, 0.25], "same")
    left, right = np.maximum.accumulate(bins), np.maximum.accumulate(bins[::-1])[::-1]
    return float((np.minimum(left, right) - bins).max() / max(bins.max(), 1.0))


def _micro_clusters(space: FloatArray, source: LabelSource) -> IntArray:
    """Ward clusters of about 8 rows: their scatter is the noise that the metric divides out."""
    micro, first = np.zeros(len(space), np.int64), 0
    for rows in source.rows_by_class():
        k = max(1, len(rows) // ROWS_PER_MICRO_CLUSTER)
        if len(rows) > 1 and k > 1:
            micro[rows] = fcluster(linkage(space[rows], "ward"), k, "maxclust") - 1
        micro[rows] += first
        first += int(micro[rows].max()) - first + 1
    return micro


def _neighbors(distance: Float) -> IntArray:
    own = distance.copy()
    np.fill_diagonal(own, np.inf)
    k = min(N_NEIGHBORS, len(own) - 1)
    return np.argpartition(own, k - 1, axis=1)[:, :k].astype(np.int64)


def _nth(distance: Float, n: int) -> Float:
    """The n-th least entry of each row, counted from 0; the largest where there are fewer."""
    n = min(n, distance.shape[1] - 1)
    return np.asarray(np.partition(distance, n, axis=1)[:, n])


def _root_mean_square(rows: FloatArray) -> float:
    return float(np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1).mean()))
