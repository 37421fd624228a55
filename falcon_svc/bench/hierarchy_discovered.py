"""Training rows under the classes that a discovery finds in them, in place of the true ones.

Place: under `falcon_svc.bench.hierarchy_bench`. A discovery sees the training rows with their
coarse labels alone. To judge a classifier that was trained on what it finds, each found class takes
the name of a true class: inside each coarse class those that share most rows are matched one to
one, and a class that is left over takes the name of the true class that most of its rows have. A
true class that no found class was matched with is never predicted. True classes serve this naming,
and the metrics, only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from falcon_svc.bench.bench_set import in_memory
from falcon_svc.bench.hierarchy_split import Split
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.pipeline.discover import discover
from falcon_svc.types import IntArray


def _counts_of(split: Split) -> CountConfig:
    tree = split.tree
    counts = {tree.names[v]: len(tree.children.of(v)) for v in tree.levels[1].tolist()}
    return CountConfig(n_fine_per_coarse=counts)


FOUND: dict[str, Callable[[Split], CountConfig]] = {
    "discovered, counts given": _counts_of,
    "discovered, nothing given": lambda split: CountConfig(),
}
"""What a discovery is told about the number of classes, by the title of the row."""


def relabelled(split: Split, title: str) -> Split:
    """Return a split whose training rows carry the classes of a discovery.

    Parameters
    ----------
    split
        Two levels.
    title
        One of `FOUND`.
    """
    coarse = split.tree.ancestor_at[split.train_nodes, 1]
    names = [split.tree.names[v] for v in split.tree.levels[1].tolist()]
    data = in_memory(split.train, coarse - 1, names)
    config = DiscoveryConfig(counts=FOUND[title](split), seed=split.seed)
    fine = discover(data, config).discovery.assignments.fine
    nodes = split.train_nodes.copy()
    for k in np.unique(coarse):
        rows = np.flatnonzero(coarse == k)
        nodes[rows] = matched(fine[rows], split.train_nodes[rows])
    return replace(split, train_nodes=nodes)


def matched(found: IntArray, true: IntArray) -> IntArray:
    """Return, for each row, the true class that its found class is matched with.

    Examples
    --------
    >>> matched(np.array([5, 5, 7, 7, 7, 8]), np.array([1, 1, 1, 2, 2, 1])).tolist()
    [1, 1, 2, 2, 2, 1]
    """
    _, i = np.unique(found, return_inverse=True)
    names, j = np.unique(true, return_inverse=True)
    shared = np.zeros((i.max() + 1, len(names)), np.int64)
    np.add.at(shared, (i, j), 1)
    chosen = shared.argmax(axis=1)
    rows, columns = linear_sum_assignment(-shared)
    chosen[rows] = columns
    answer: IntArray = names[chosen[i]]
    return answer
