"""How right one predicted node is: correct, precision, recall and F1 in bits or in levels.

Source: Valmadre, Hierarchical classification at multiple operating points (NeurIPS 2022), and its
code jvlmdr/hiercls. A prediction below the label is cut back to the label first: what the label
does not say can be neither right nor wrong.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inputs import labels_and_predictions
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import BoolArray, IntArray

Form = Literal["information", "depth"]
"""What a node is worth: bits of information (uniform leaves), or edges to the root."""


class NodeValues(NamedTuple):
    """How right n predictions are, each in [0, 1].

    Parameters
    ----------
    correct
        (n,) bool: prediction and label lie on one line to the root.
    precision, recall
        (n,) worth of the common ancestor over that of the prediction, and of the label.
    """

    correct: BoolArray
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]

    @property
    def f1(self) -> NDArray[np.float64]:
        """(n,) harmonic means; 0 where both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / np.where(total == 0, 1.0, total)


def worth(tree: Tree, form: Form) -> NDArray[np.float64]:
    """Return (n_nodes,) bits or depths; 0 at the root."""
    if form not in ("information", "depth"):
        raise InputError(
            f"Expected the form 'information' or 'depth', found {form!r}; choose one of them."
        )
    return tree.information if form == "information" else tree.depths.astype(np.float64)


def node_values(
    true: IntArray, predicted: IntArray, *, tree: Tree, value: NDArray[np.float64]
) -> NodeValues:
    r"""Return how right nodes are.

    With the lowest common ancestor a of prediction p and label g, and p := g where a = g:

    .. math:: \mathrm{precision} = V(a) / V(p), \quad \mathrm{recall} = V(a) / V(g),

    each 1 where both parts are 0.

    Parameters
    ----------
    true, predicted
        (n,) node numbers.
    value
        (n_nodes,) from `worth`.
    """
    common = tree.lca(true, predicted)
    shown = np.where(common == true, true, predicted)
    correct = (common == predicted) | (common == true)
    return NodeValues(
        correct, _ratio(value[common], value[shown]), _ratio(value[common], value[true])
    )


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole == 0, 1.0, part / np.where(whole == 0, 1.0, whole))


def informative_labels(true: IntArray, tree: Tree) -> IntArray:
    """Refuse labels that say nothing: the root of a tree with several leaves.

    Raises
    ------
    InputError
        A label with all leaves below it.
    """
    empty = tree.leaf_descendant_counts[true] == tree.n_leaves
    if tree.n_leaves > 1 and empty.any():
        raise InputError(
            f"Expected labels that tell something, found {int(empty.sum())} of {len(true)} with "
            f"every leaf below them, the first at row {int(empty.argmax())}; leave them out."
        )
    return true


def node_f1_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree, form: Form = "information"
) -> float:
    """Return the mean F1 of predicted nodes in [0, 1]; see `node_values`.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) arrays of names; predictions of any depth.
    tree
        The hierarchy.
    form
        "information" (bits under uniform leaves) or "depth" (edges to the root).

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b", "z"), ("b", "w")])
    >>> float(node_f1_score(tree.encode([("a", "x")]), tree.encode([("a",)]), tree=tree))
    0.6666666666666666
    """
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    values = node_values(
        informative_labels(true, tree), predicted, tree=tree, value=worth(tree, form)
    )
    return float(values.f1.mean())


def node_correct_score(y_true: ArrayLike, y_pred: ArrayLike, *, tree: Tree) -> float:
    """Return the share of predictions on one line with their label; the root is always right.

    Parameters
    ----------
    y_true, y_pred
        (n,) node numbers, or (n, levels) arrays of names.
    tree
        The hierarchy.

    Returns
    -------
    float
        In [0, 1]; higher is better.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.metrics import node_correct_score
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> node_correct_score([("a", "x"), ("b", "")], [("a", ""), ("a", "y")], tree=tree)
    0.5
    """
    true, predicted = labels_and_predictions(y_true, y_pred, tree)
    common = tree.lca(true, predicted)
    return float(((common == predicted) | (common == true)).mean())
