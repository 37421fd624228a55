"""HiClass beside our hierarchical classifier: local classifiers with logistic regression inside.

Place: under `falcon_svc.bench.hierarchy_bench`. HiClass (BSD-3) is what a user picks today; it
comes with the extra `bench`. Its probabilities are multiplied down the path, its own "multiply"
combiner, and those of a flat logistic regression are summed up the tree.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import MissingExtraError
from falcon_svc.hierarchy.inference import bottom_up
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import FloatArray, IntArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class PeerAnswer:
    """What a peer says of the test rows.

    Parameters
    ----------
    scores
        (n, n_nodes) probabilities.
    nodes
        (n,) its own decisions.
    seconds
        CPU time of the training.
    """

    scores: Floats
    nodes: IntArray
    seconds: float


Peer = Callable[[FloatArray, IntArray, FloatArray, Tree], PeerAnswer]


def hiclass(name: str) -> Peer:
    """Return one of HiClass's local classifiers, with logistic regression as it comes."""

    def answer(train: FloatArray, nodes: IntArray, test: FloatArray, tree: Tree) -> PeerAnswer:
        from sklearn.linear_model import LogisticRegression

        model = getattr(_hiclass(), name)(
            local_classifier=LogisticRegression(),
            return_all_probabilities=True,
            probability_combiner="multiply",
        )
        paths = tree.decode(nodes)
        began = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(train, paths)
            seconds = time.process_time() - began
            levels, decided = model.predict_proba(test), model.predict(test)
        scores = _node_scores(levels, model.classes_, tree, len(test))
        return PeerAnswer(scores, tree.encode(decided.tolist()), seconds)

    return answer


def flat(train: FloatArray, nodes: IntArray, test: FloatArray, tree: Tree) -> PeerAnswer:
    """Logistic regression over the leaves, summed up the tree."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(train, nodes)
    seconds = time.process_time() - began
    leaves = np.zeros((len(test), tree.n_leaves))
    leaves[:, np.searchsorted(tree.leaves, model.classes_)] = model.predict_proba(test)
    decided: IntArray = tree.leaves[leaves.argmax(axis=1)]
    return PeerAnswer(bottom_up(leaves, tree=tree), decided, seconds)


PEERS: dict[str, Peer] = {
    "hiclass LCPN": hiclass("LocalClassifierPerNode"),
    "hiclass LCPPN": hiclass("LocalClassifierPerParentNode"),
    "hiclass LCPL": hiclass("LocalClassifierPerLevel"),
    "flat logistic regression": flat,
}


def _hiclass() -> Any:
    try:
        import hiclass as package
    except ImportError as error:
        raise MissingExtraError("hiclass", extra="bench", purpose="The row of HiClass") from error
    return package


def _node_scores(levels: list[Floats], classes: list[Any], tree: Tree, n: int) -> Floats:
    """Put HiClass's columns, one array per level, where the tree has the nodes."""
    scores = np.zeros((n, tree.n_nodes))
    scores[:, 0] = 1.0
    number = {name: node for node, name in enumerate(tree.names)}
    for values, names in zip(levels, classes, strict=True):
        kept = [(column, number[name]) for column, name in enumerate(names) if name in number]
        columns, nodes = np.array(kept, np.int64).T
        scores[:, nodes] = values[:, columns]
    return scores
