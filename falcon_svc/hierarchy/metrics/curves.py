"""Operating curves of a hierarchical classifier, and the figures read off them.

Source: Valmadre, Hierarchical classification at multiple operating points (NeurIPS 2022), and its
code jvlmdr/hiercls. At threshold t a sample gets the most specific node that scores above t, the
root where none does. As t falls predictions grow more specific. With probabilities that add up
they do so along one line down to t = 1/2, where recall rises and correctness falls; below that a
prediction may change to another line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.hierarchy.inputs import RowScores, Scores, as_nodes, check_rows, chunks, row_scores
from falcon_svc.hierarchy.metrics.values import Form, informative_labels, node_values, worth
from falcon_svc.hierarchy.specificity import BestNodes, best_nodes, specificity_groups
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Floats = NDArray[np.float64]


class OperatingCurve(NamedTuple):
    """Means over all samples at every threshold that changes some prediction, T of them.

    Parameters
    ----------
    thresholds : NDArray[float64]
        (T,) falling; predictions are nodes that score at least this. The first is inf: all root.
    correct, precision, recall : NDArray[float64]
        (T,) in [0, 1].

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import operating_curve
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> scores = [[1, 0.9, 0.1, 0.8, 0.1], [1, 0.6, 0.4, 0.5, 0.1]]
    >>> curve = operating_curve([("a", "x"), ("b", "")], scores, tree=tree)
    >>> curve.correct.tolist()
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    thresholds: Floats
    correct: Floats
    precision: Floats
    recall: Floats

    @property
    def average_precision(self) -> float:
        """AP: `pareto_area` of precision over recall."""
        return pareto_area(self.recall, self.precision)

    @property
    def average_correct(self) -> float:
        """AC: `pareto_area` of correctness over recall."""
        return pareto_area(self.recall, self.correct)

    def recall_at_correct(self, share: float) -> float:
        """R@XC: the largest recall of points with at least this share correct; 0 if none.

        Parameters
        ----------
        share
            The least share of predictions that must be correct, in [0, 1].

        Returns
        -------
        float
            In [0, 1].
        """
        return float(self.recall[self.correct >= share].max(initial=0.0))


def pareto_area(x: Floats, y: Floats) -> float:
    r"""Area under the upper right front of points.

    With points sorted by x and :math:`x_0 = 0`: :math:`\sum_i (x_i - x_{i-1}) \max_{j \ge i} y_j`.
    """
    order = np.argsort(x, kind="stable")
    best = np.maximum.accumulate(y[order][::-1])[::-1]
    return float(np.diff(x[order], prepend=0.0) @ best)


class Steps(NamedTuple):
    """Changes of the summed metrics as thresholds fall: S scores and (S, M) differences."""

    scores: Scores
    changes: Floats


def accumulate(start: Floats, parts: list[Steps], n: int) -> tuple[Floats, Floats]:
    """Return (T,) falling thresholds, inf first, and (T, M) means of n samples at each.

    Parameters
    ----------
    start
        (M,) sums where everything is the root.
    parts
        The steps of all samples, in any order; equal scores happen at once.
    """
    scores = np.concatenate([part.scores for part in parts])
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
    totals = np.concatenate([part.changes for part in parts])[order]
    np.cumsum(totals, axis=0, out=totals)
    thresholds = np.concatenate([[np.inf], scores[last].astype(np.float64)])
    return thresholds, np.concatenate([start[None], start + totals[last]]) / n


def operating_curve(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    form: Form = "information",
) -> OperatingCurve:
    """Return correctness, precision and recall at every threshold, exactly.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names; labels may be inner nodes.
    scores
        (n, n_nodes), higher for likelier nodes; anything with row slices, read in pieces.
    tree
        The hierarchy; one parent per class.
    form
        "information" (the headline figures) or "depth".

    Returns
    -------
    OperatingCurve
        All three at every threshold that changes some prediction.

    Raises
    ------
    InputError
        NaN, another shape, a label at the root.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import operating_curve
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> curve = operating_curve([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree, form="depth")
    >>> curve.thresholds.tolist(), curve.recall.tolist()
    ([inf, 0.9, 0.8], [0.0, 0.5, 1.0])
    """
    tree.require_tree("An operating curve")
    rows = row_scores(scores, tree)
    true = informative_labels(as_nodes(y_true, tree), tree)
    check_rows(len(true), rows.shape[0])
    value, groups = worth(tree, form), specificity_groups(tree)
    start, parts = np.zeros(3), []
    for where, block in chunks(rows):
        first, steps = _steps(best_nodes(block, groups), true[where], tree, value)
        start += first.sum(axis=0)
        parts.append(steps)
    thresholds, means = accumulate(start, parts, len(true))
    return OperatingCurve(thresholds, *np.ascontiguousarray(means.T))


def _steps(best: BestNodes, true: IntArray, tree: Tree, value: Floats) -> tuple[Floats, Steps]:
    """Return each sample's (n, 3) values at the root, and its changes from there to the leaf."""
    samples, columns = np.nonzero(best.on_front)
    first = _values(true, np.zeros_like(true), tree, value)
    after = _values(true[samples], best.nodes[samples, columns], tree, value)
    return first, Steps(best.scores[samples, columns], changes(after, first, samples))


def changes(after: Floats, first: Floats, samples: IntArray) -> Floats:
    """Return (S, M) differences to the step before of the same sample, or to its `first`."""
    before = np.concatenate([after[:1], after[:-1]])
    begins = np.diff(samples, prepend=-1) != 0
    before[begins] = first[samples[begins]]
    difference: Floats = after - before
    return difference


def _values(true: IntArray, nodes: IntArray, tree: Tree, value: Floats) -> Floats:
    values = node_values(true, nodes, tree=tree, value=value)
    return np.stack([values.correct, values.precision, values.recall], axis=1).astype(np.float64)


def average_precision_score(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    form: Form = "information",
) -> float:
    """Return AP in [0, 1], the area under precision over recall; see `operating_curve`.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names; labels may be inner nodes.
    scores
        (n, n_nodes), higher for likelier nodes, read in pieces.
    tree
        The hierarchy; one parent per class.
    form
        "information" (bits) or "depth" (edges): how much an inner node says.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import average_precision_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> average_precision_score([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree)
    1.0
    """
    return operating_curve(y_true, scores, tree=tree, form=form).average_precision


def average_correct_score(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    form: Form = "information",
) -> float:
    """Return AC in [0, 1], the area under correctness over recall; see `operating_curve`.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names; labels may be inner nodes.
    scores
        (n, n_nodes), higher for likelier nodes, read in pieces.
    tree
        The hierarchy; one parent per class.
    form
        "information" (bits) or "depth" (edges): how much an inner node says.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import average_correct_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> average_correct_score([("a", "x")], [[1, 0.9, 0.1, 0.8, 0.1]], tree=tree)
    1.0
    """
    return operating_curve(y_true, scores, tree=tree, form=form).average_correct


def recall_at_correct_score(
    y_true: ArrayLike,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    share: float = 0.9,
    form: Form = "information",
) -> float:
    """Return R@XC in [0, 1]: the best recall with at least `share` of the predictions correct.

    R@90C is ``share=0.9``; 0 where no threshold is that often correct. See `operating_curve`.

    Parameters
    ----------
    y_true
        (n,) node numbers, or (n, levels) names; labels may be inner nodes.
    scores
        (n, n_nodes), higher for likelier nodes, read in pieces.
    tree
        The hierarchy; one parent per class.
    share
        The least share of predictions that must be correct, in [0, 1].
    form
        "information" (bits) or "depth" (edges): how much an inner node says.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import recall_at_correct_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> recall_at_correct_score([("a", "x")], [[1, 0.9, 0.1, 0.1, 0.8]], tree=tree, form="depth")
    0.5
    """
    return operating_curve(y_true, scores, tree=tree, form=form).recall_at_correct(share)
