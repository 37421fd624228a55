"""All figures of one discovery against fine truth, as JSON-ready built-ins.

Place: called by `falcon evaluate` and the benchmarks; the only door through which fine truth
meets a result. Every figure is a share in [0, 1] unless its formula says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from falcon_svc.discovery.result import Discovery
from falcon_svc.errors import InputError
from falcon_svc.metrics.clustering import (
    UNMATCHED,
    accuracy_score,
    adjusted_rand_score,
    coarse_accuracy_score,
    macro_accuracy,
    macro_accuracy_score,
    match_classes,
    normalized_mutual_info_score,
)
from falcon_svc.metrics.relation import (
    GED_CAVEAT,
    edge_accuracy,
    ged_bounds,
    majority_parent,
    matched_path_accuracy,
)
from falcon_svc.types import BoolArray, EvalLabels, IntArray


def evaluate(discovery: Discovery, truth: EvalLabels) -> dict[str, Any]:
    """Return every figure of `discovery` against `truth`.

    Parameters
    ----------
    discovery
        Its first label source is the one whose relation is judged.
    truth
        Fine labels of at least all samples of `discovery`; its order does not matter.

    Returns
    -------
    dict
        `acc`, `ari`, `nmi`, `macro_acc` of the masked assignments; `acc_unmasked`,
        `macro_acc_unmasked`; and, of the unmasked ones, as masked ones are right by construction:
        `coarse_acc`, `relation_edge_acc`, `path_acc`. Further `n_samples`, `n_fine`,
        `n_fine_true`, and `ged` with its bounds beside the sentence that says why it tells
        nothing.

    Raises
    ------
    InputError
        A sample has no truth.
    """
    true, assignments = _aligned_truth(discovery, truth), discovery.assignments
    return {
        "acc": accuracy_score(true, assignments.fine),
        "ari": adjusted_rand_score(true, assignments.fine),
        "nmi": normalized_mutual_info_score(true, assignments.fine),
        "macro_acc": macro_accuracy_score(true, assignments.fine),
        "n_samples": discovery.n_samples,
        "n_fine": discovery.n_fine,
        "n_fine_true": len(np.unique(true)),
        **_relation_figures(true, discovery),
    }


def _relation_figures(true: IntArray, discovery: Discovery) -> dict[str, Any]:
    """Figures of the first source's relation, by assignments that do not see the label."""
    pred, coarse = discovery.assignments.fine_unmasked, discovery.sources[0].labels
    relation = discovery.relations[0].relation
    true_parent, pred_parent = majority_parent(true, coarse), relation.argmax(axis=1)
    matching = match_classes(true, pred)
    ged = ged_bounds(_as_relation(true_parent, relation.shape[1]), relation)
    return {
        "acc_unmasked": float(matching.matched_counts.sum() / len(true)),
        "macro_acc_unmasked": macro_accuracy(matching),
        "coarse_acc": coarse_accuracy_score(coarse, pred, relation),
        "relation_edge_acc": edge_accuracy(matching, true_parent, pred_parent),
        "path_acc": matched_path_accuracy(matching, true_parent, pred_parent),
        "ged": {"lower": ged.lower, "upper": ged.upper, "note": GED_CAVEAT},
    }


def _as_relation(parent: IntArray, n_coarse: int) -> BoolArray:
    """(T, C) bool of the true fine classes that occur and have a parent."""
    known = parent[parent != UNMATCHED]
    relation: BoolArray = known[:, None] == np.arange(n_coarse)
    return relation


def _aligned_truth(discovery: Discovery, truth: EvalLabels) -> IntArray:
    try:
        return truth.aligned_to(discovery.ids)
    except KeyError as error:
        raise InputError(
            f"Evaluation needs the fine class of every sample, and the truth has none for id "
            f"{error.args[0]!r}; give the data set that was discovered, with its fine labels."
        ) from error
