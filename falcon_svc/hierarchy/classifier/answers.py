"""What a classifier says of samples, a record each: path, depth, and probability of its class.

Place: what a service answers with, whoever of its processes asks the classifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.classifier.decide import decide
from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier
from falcon_svc.types import FloatArray, IntArray

CELLS_AT_ONCE = 4_000_000
"""Probabilities in memory: rows times classes."""
Record = dict[str, Any]


def answers(
    model: HierarchicalClassifier,
    vectors: FloatArray,
    inference: str | None = None,
    threshold: float | None = None,
) -> list[Record]:
    """Return a record per vector, its `id` None.

    Parameters
    ----------
    model, vectors
        The classifier, and (N, D) as it was trained on.
    inference
        How a class is chosen; None = as the classifier was trained to.
    threshold
        Least probability of a class, in [0, 1], with the inference ``threshold`` and no other.

    Raises
    ------
    InputError
        Numbers that are not finite.
    """
    step = max(1, CELLS_AT_ONCE // model.tree_.n_nodes)
    found: list[Record] = []
    for start in range(0, len(vectors), step):
        probabilities = probabilities_of(model, vectors[start : start + step])
        found += _records(model, probabilities, chosen(model, probabilities, inference, threshold))
    return found


def probabilities_of(model: HierarchicalClassifier, vectors: FloatArray) -> NDArray[np.float64]:
    """Return (N, n_nodes) probabilities of vectors.

    Raises
    ------
    InputError
        Numbers that are not finite.
    """
    try:
        return model.node_proba(vectors)
    except ValueError as error:  # scikit-learn's, of what is not finite
        raise InputError(
            "Expected vectors of finite numbers, found NaN or infinity; leave such rows out."
        ) from error


def chosen(
    model: HierarchicalClassifier,
    probabilities: NDArray[np.float64],
    inference: str | None,
    threshold: float | None,
) -> IntArray:
    """Return the (N,) nodes that an inference chooses, or the classifier's own; see `answers`."""
    if inference is None:
        return decide(model.inference, probabilities, model.tree_, model.inference_options)
    options = None if threshold is None else {"threshold": threshold}
    return decide(inference, probabilities, model.tree_, options)


def _records(
    model: HierarchicalClassifier, probabilities: NDArray[np.float64], nodes: IntArray
) -> list[Record]:
    tree = model.tree_
    sure = probabilities[np.arange(len(nodes)), nodes].tolist()
    paths = (list(tree.paths[node]) for node in nodes.tolist())
    columns = zip(paths, tree.depths[nodes].tolist(), sure, strict=True)
    return [
        {"id": None, "path": path, "depth": depth, "probability": p} for path, depth, p in columns
    ]
