"""All figures of one discovery against fine truth, as JSON-ready built-ins.

Place: called by `falcon evaluate` and the benchmarks; the only door through which fine truth
meets a result. Every figure is a share in [0, 1] unless its formula says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
from falcon_svc.result.record import Discovery
from falcon_svc.types import BoolArray, EvalLabels, IntArray, Note


def evaluate(discovery: Discovery, truth: EvalLabels) -> dict[str, Any]:
    """Return every figure of `discovery` against `truth`.

    Parameters
    ----------
    discovery
        Its first label source is the one whose relation is judged.
    truth
        Fine labels of some or all samples of `discovery`, matched by id; only these are judged.

    Returns
    -------
    dict
        `acc`, `ari`, `nmi`, `macro_acc` of the masked assignments; `acc_unmasked`,
        `macro_acc_unmasked`; and, of the unmasked ones, as masked ones are right by construction:
        `coarse_acc`, `relation_edge_acc`, `path_acc`. Further `n_samples`, `n_judged` (those
        with truth), `n_fine`, `n_fine_true`, and `ged` with its bounds beside the sentence that
        says why it tells nothing.

    Raises
    ------
    InputError
        No sample has truth, or ids and row numbers would be mistaken for each other.

    Examples
    --------
    >>> from pathlib import Path
    >>> import falcon_svc as falcon
    >>> from falcon_svc.data import load_truth
    >>> from falcon_svc.metrics import evaluate
    >>> found = falcon.read_result("birds").discovery
    >>> round(evaluate(found, load_truth(Path("birds.npz")))["acc"], 2)
    1.0
    """
    rows, true = _with_truth(discovery, truth)
    fine = discovery.assignments.fine[rows]
    return {
        "acc": accuracy_score(true, fine),
        "ari": adjusted_rand_score(true, fine),
        "nmi": normalized_mutual_info_score(true, fine),
        "macro_acc": macro_accuracy_score(true, fine),
        "n_samples": discovery.n_samples,
        "n_judged": len(true),
        "n_fine": discovery.n_fine,
        "n_fine_true": len(np.unique(true)),
        **_relation_figures(true, rows, discovery),
    }


def truth_notes(discovery: Discovery, truth: EvalLabels) -> tuple[Note, ...]:
    """Return the notes on how a truth was read, and on row numbers that do not end alike.

    Parameters
    ----------
    discovery
        The result.
    truth
        Fine labels that it is to be compared with.

    Returns
    -------
    tuple of Note
        Those of the reading first.

    Examples
    --------
    >>> from pathlib import Path
    >>> import falcon_svc as falcon
    >>> from falcon_svc.data import load_truth
    >>> from falcon_svc.metrics.evaluation import truth_notes
    >>> truth_notes(falcon.read_result("birds").discovery, load_truth(Path("birds.npz")))
    ()
    """
    numbers = truth.id_column is None and all(one.isdigit() for one in (*discovery.ids, *truth.ids))
    last = [max(map(int, ids)) if numbers else 0 for ids in (discovery.ids, truth.ids)]
    if numbers and truth.n_rows is not None:
        last[1] = truth.n_rows - 1
    if last[0] == last[1]:
        return truth.notes
    text = "Neither the result nor the truth has ids, so their rows are matched by number; but the "
    text += f"result's last one is {last[0]:,}, the truth's {last[1]:,} (counted from 0): these "
    return (*truth.notes, Note("rows_by_number", text + "may be other data, or in another order."))


def _relation_figures(true: IntArray, rows: IntArray, discovery: Discovery) -> dict[str, Any]:
    """Figures of the first source's relation, by assignments that do not see the label."""
    pred, coarse = discovery.assignments.fine_unmasked[rows], discovery.sources[0].labels[rows]
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


def _with_truth(discovery: Discovery, truth: EvalLabels) -> tuple[IntArray, IntArray]:
    """Return the rows of the samples that have truth, and their true classes."""
    _check_ids(discovery, truth)
    fine_of = dict(zip(truth.ids, truth.fine.tolist(), strict=True))
    rows = [row for row, sample_id in enumerate(discovery.ids) if sample_id in fine_of]
    if not rows:
        raise InputError(
            f"Evaluation needs the fine class of at least one sample, and the truth has none: its "
            f"ids are such as {truth.ids[0]!r}, the result's such as {discovery.ids[0]!r}; give "
            "the data set that was discovered, with its fine labels, or name the column of its "
            "ids with --id-column."
        )
    true = [fine_of[discovery.ids[row]] for row in rows]
    return np.array(rows, np.int64), np.array(true, np.int64)


def _check_ids(discovery: Discovery, truth: EvalLabels) -> None:
    """Refuse a truth of row numbers for a result whose ids are numbers of another kind."""
    if truth.id_column is not None or not all(one.isdigit() for one in discovery.ids):
        return
    if all(one.isdigit() for one in truth.ids) and np.any(np.diff([*map(int, discovery.ids)]) <= 0):
        raise InputError(
            "Evaluation matches samples by id, and the truth has row numbers only, while the "
            "result's ids are numbers in another order; give a truth with a column of ids."
        )
