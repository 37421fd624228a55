"""What is drawn of a hierarchical classifier: curves of few points, and its top-level classes.

Place: beside `evaluation`, which gives the figures; a report draws this. A curve of a million
thresholds comes down to 400 points, spread evenly along its way, ends included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.hierarchy import metrics
from falcon_svc.hierarchy.decisions import leaf_prediction
from falcon_svc.hierarchy.inputs import RowScores, as_nodes, chunks, row_scores
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, IntArray

POINTS = 400
Curve = TypeVar("Curve", metrics.OperatingCurve, metrics.RiskCoverage)


@dataclass(frozen=True)
class TopClass:
    """A class below the root.

    Parameters
    ----------
    name
        Its name.
    n_samples
        Labelled with it or below it.
    found
        Share of them whose best leaf lies in it, in [0, 1].
    exact
        Share of them whose best leaf is on one line with their label, in [0, 1].
    """

    name: str
    n_samples: int
    found: float
    exact: float


@dataclass(frozen=True, eq=False)
class Diagrams:
    """Curves and top-level classes.

    Parameters
    ----------
    operating
        Correctness, precision and recall over falling thresholds, in their information form.
    climbing
        Risk over coverage of climbing from the best leaf; None in a tree of one leaf.
    abstaining
        Risk over coverage of the best leaf or silence.
    reliability
        Accuracy over confidence of each level.
    classes
        The top-level classes that have samples, the least exact first.
    """

    operating: metrics.OperatingCurve
    climbing: metrics.RiskCoverage | None
    abstaining: metrics.RiskCoverage
    reliability: metrics.Reliability
    classes: tuple[TopClass, ...]


def diagrams(y_true: ArrayLike, scores: ArrayLike | RowScores, *, tree: Tree) -> Diagrams:
    """Return what is drawn of probabilities of all nodes.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names.
    scores
        (n, n_nodes) probabilities, read in pieces, several times.
    tree
        The hierarchy; one parent per class.
    """
    true = as_nodes(y_true, tree)
    leaves = leaf_prediction(scores, tree=tree)
    right = on_one_line(true, leaves, tree)
    climbing = metrics.hierarchical_risk_coverage if tree.n_leaves > 1 else None
    return Diagrams(
        thinned(metrics.operating_curve(true, scores, tree=tree)),
        None if climbing is None else thinned(climbing(true, scores, tree=tree)),
        thinned(metrics.risk_coverage(right, _confidence(scores, leaves, tree))),
        metrics.level_reliability(true, scores, tree=tree, n_bins=10),
        top_classes(true, leaves, tree=tree),
    )


def on_one_line(true: IntArray, predicted: IntArray, tree: Tree) -> BoolArray:
    """Return (n,): whether a prediction is its label, above it, or below it."""
    common = tree.lca(true, predicted)
    line: BoolArray = (common == true) | (common == predicted)
    return line


def top_classes(true: IntArray, predicted: IntArray, *, tree: Tree) -> tuple[TopClass, ...]:
    """Return the classes below the root that have samples, the least exact first.

    Parameters
    ----------
    true, predicted
        (n,) node numbers.
    tree
        The hierarchy; one parent per class.
    """
    if tree.height == 0:
        return ()
    right = on_one_line(true, predicted, tree)
    wanted, got = tree.ancestor_at[true, 1], tree.ancestor_at[predicted, 1]
    found = []
    for node in np.unique(wanted[wanted >= 0]).tolist():
        own = wanted == node
        inside, exact = float((got[own] == node).mean()), float(right[own].mean())
        found.append(TopClass(tree.names[node], int(own.sum()), inside, exact))
    return tuple(sorted(found, key=lambda one: (one.exact, one.found)))


def thinned(curve: Curve) -> Curve:
    """Return a curve at `POINTS` of its thresholds at most, evenly along its way."""
    steps = np.sum([np.abs(np.diff(values)) for values in curve[1:]], axis=0)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], POINTS)))
    kept = np.unique(np.append(kept, len(way) - 1))
    return curve._replace(**{name: values[kept] for name, values in curve._asdict().items()})


def _confidence(scores: ArrayLike | RowScores, nodes: IntArray, tree: Tree) -> NDArray[np.float64]:
    """Return (n,): the score of each row's node."""
    parts = [
        block[np.arange(len(block)), nodes[where]]
        for where, block in chunks(row_scores(scores, tree))
    ]
    return np.concatenate([part.astype(np.float64) for part in parts])
