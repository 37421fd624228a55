"""One discovery against fine truth: the figures agree with the metrics they are made of."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.metrics import accuracy_score, evaluate, macro_accuracy_score
from falcon_svc.types import EvalLabels
from tests.discoveries import pretend_blobs


def truth_of(discovery, fine=None) -> EvalLabels:
    fine = discovery.assignments.fine if fine is None else fine
    return EvalLabels(discovery.ids, fine, tuple(map(str, range(int(fine.max()) + 1))))


def test_the_truth_itself_scores_one() -> None:
    _, _, discovery = pretend_blobs()
    figures = evaluate(discovery, truth_of(discovery))
    for name in ("acc", "ari", "nmi", "macro_acc"):
        assert figures[name] == pytest.approx(1)
    assert figures["relation_edge_acc"] == 1
    assert (figures["n_fine"], figures["n_fine_true"], figures["n_samples"]) == (7, 7, 84)


def test_figures_are_plain_json_and_complete() -> None:
    _, _, discovery = pretend_blobs()
    figures = evaluate(discovery, truth_of(discovery))
    assert json.loads(json.dumps(figures)) == figures
    assert set(figures) == {
        "acc", "acc_unmasked", "ari", "nmi", "macro_acc", "coarse_acc", "relation_edge_acc",
        "path_acc", "n_samples", "n_judged", "n_fine", "n_fine_true", "ged",
        "macro_acc_unmasked",
    }  # fmt: skip
    assert "tells nothing" in figures["ged"]["note"]


def test_order_of_the_truth_does_not_matter() -> None:
    _, _, discovery = pretend_blobs()
    truth = truth_of(discovery, discovery.assignments.fine // 2)
    order = np.random.default_rng(0).permutation(len(truth.ids))
    shuffled = EvalLabels(tuple(truth.ids[i] for i in order), truth.fine[order], truth.names)
    assert evaluate(discovery, shuffled) == evaluate(discovery, truth)


def test_masked_and_unmasked_accuracy_are_told_apart() -> None:
    _, _, discovery = pretend_blobs()
    fine = discovery.assignments.fine
    blind = replace(discovery.assignments, fine_unmasked=np.zeros_like(fine))
    figures = evaluate(replace(discovery, assignments=blind), truth_of(discovery))
    assert figures["acc"] == 1
    assert figures["acc_unmasked"] == accuracy_score(fine, np.zeros_like(fine))
    assert figures["macro_acc"] == 1
    assert figures["macro_acc_unmasked"] == macro_accuracy_score(fine, np.zeros_like(fine))
    assert figures["coarse_acc"] == pytest.approx((discovery.sources[0].labels == 0).mean())


def test_samples_without_truth_are_left_out() -> None:
    """The figures are those of a result that holds the judged samples alone."""
    _, _, discovery = pretend_blobs()
    rows = np.arange(0, discovery.n_samples, 3)
    fine = discovery.assignments.fine // 2
    ids = tuple(discovery.ids[row] for row in rows)
    figures = evaluate(discovery, EvalLabels(ids, fine[rows], ()))
    assert figures["acc"] == accuracy_score(fine[rows], discovery.assignments.fine[rows])
    assert (figures["n_samples"], figures["n_judged"]) == (84, 28)


def test_a_truth_of_other_samples_is_refused_with_both_ids() -> None:
    _, _, discovery = pretend_blobs()
    with pytest.raises(InputError, match="'7', the result's such as 's00000'"):
        evaluate(discovery, EvalLabels(("7",), np.array([0]), ("a",)))


def test_row_numbers_are_not_taken_for_ids_of_another_order() -> None:
    _, _, discovery = pretend_blobs()
    numbers = tuple(str(n) for n in range(discovery.n_samples))
    fine = discovery.assignments.fine
    turned = replace(discovery, ids=numbers[::-1])
    with pytest.raises(InputError, match="row numbers only"):
        evaluate(turned, EvalLabels(numbers, fine, ()))
    assert evaluate(turned, EvalLabels(numbers[::-1], fine, (), id_column="id"))["acc"] == 1
    assert evaluate(replace(discovery, ids=numbers), EvalLabels(numbers, fine, ()))["acc"] == 1
