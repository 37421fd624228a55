"""Laws of the clustering metrics; the oracle tries every one-to-one match."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.metrics import (
    accuracy_score,
    adjusted_rand_score,
    coarse_accuracy_score,
    macro_accuracy_score,
    match_classes,
    normalized_mutual_info_score,
)

SCORES = [
    accuracy_score,
    macro_accuracy_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
]


def brute_force_accuracy(true: np.ndarray, pred: np.ndarray) -> float:
    few, many = sorted((true, pred), key=lambda labels: len(set(labels.tolist())))
    few_ids, many_ids = sorted(set(few.tolist())), sorted(set(many.tolist()))
    best = 0
    for chosen in permutations(many_ids, len(few_ids)):
        hits = sum(
            int(((few == a) & (many == b)).sum()) for a, b in zip(few_ids, chosen, strict=True)
        )
        best = max(best, hits)
    return best / len(true)


def random_labels(seed: int, n_true: int = 4, n_pred: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, n_true, 60), rng.integers(0, n_pred, 60)


@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (4, 4), (1, 5)])
@pytest.mark.parametrize("seed", range(5))
def test_accuracy_equals_the_best_of_all_matches(seed: int, shape: tuple[int, int]) -> None:
    true, pred = random_labels(seed, *shape)
    assert accuracy_score(true, pred) == pytest.approx(brute_force_accuracy(true, pred))


def macro_by_hand(true: np.ndarray, pred: np.ndarray) -> list[float]:
    """Mean recall of the true classes for every one-to-one map that covers most samples."""
    classes, found = sorted(set(true.tolist())), sorted(set(pred.tolist()))
    shared = np.array([[((true == t) & (pred == p)).sum() for p in found] for t in classes])
    padded = np.pad(shared, ((0, 0), (0, max(0, len(classes) - len(found)))))
    maps = permutations(range(padded.shape[1]), len(classes))
    hits = [[padded[t, p] for t, p in enumerate(chosen)] for chosen in maps]
    most = max(sum(hit) for hit in hits)
    sizes = [(true == t).sum() for t in classes]
    return [
        sum(h / n for h, n in zip(hit, sizes, strict=True)) / len(classes)
        for hit in hits
        if sum(hit) == most
    ]


@pytest.mark.parametrize("shape", [(4, 5), (5, 3), (4, 4), (1, 5), (3, 1)])
@pytest.mark.parametrize("seed", range(5))
def test_macro_accuracy_is_that_of_a_best_match(seed: int, shape: tuple[int, int]) -> None:
    true, pred = random_labels(seed, *shape)
    score = macro_accuracy_score(true, pred)
    assert any(score == pytest.approx(one) for one in macro_by_hand(true, pred))


@pytest.mark.parametrize("seed", range(3))
def test_macro_accuracy_is_accuracy_where_classes_are_of_one_size(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = np.repeat(np.arange(5), 12), rng.integers(0, 7, 60)
    assert macro_accuracy_score(true, pred) == pytest.approx(accuracy_score(true, pred))


def test_repeating_samples_of_one_class_moves_accuracy_but_not_macro_accuracy() -> None:
    true, pred = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    often = np.repeat([0, 1, 2, 3, 4, 5], [10, 10, 10, 10, 1, 1])
    assert macro_accuracy_score(true, pred) == pytest.approx((3 / 4 + 1) / 2)
    assert macro_accuracy_score(true[often], pred[often]) == pytest.approx((3 / 4 + 1) / 2)
    assert accuracy_score(true[often], pred[often]) == pytest.approx(32 / 42)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(3))
def test_permuting_or_renaming_ids_changes_nothing(score, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 6, 300)
    pred = np.where(rng.random(300) < 0.7, true, rng.integers(0, 6, 300))
    names = rng.permutation(100)[:6]
    assert score(true, names[pred]) == pytest.approx(score(true, pred))
    assert score(names[true] - 50, pred) == pytest.approx(score(true, pred))


@pytest.mark.parametrize("score", SCORES)
def test_order_of_samples_changes_nothing(score) -> None:
    true, pred = random_labels(0)
    order = np.random.default_rng(1).permutation(len(true))
    assert score(true[order], pred[order]) == pytest.approx(score(true, pred))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(5))
def test_scores_stay_in_range_and_equal_classes_score_one(score, seed: int) -> None:
    true, pred = random_labels(seed)
    assert -0.5 <= score(true, pred) <= 1
    assert score(true, true + 7) == pytest.approx(1)


def test_one_predicted_class_scores_the_largest_share() -> None:
    assert accuracy_score([0, 0, 0, 1, 2], [9, 9, 9, 9, 9]) == pytest.approx(3 / 5)


def test_hand_case_accuracy_and_macro_accuracy() -> None:
    true = [0] * 8 + [1] * 2
    pred = [0] * 6 + [1] * 2 + [1, 0]
    assert accuracy_score(true, pred) == pytest.approx(7 / 10)
    assert macro_accuracy_score(true, pred) == pytest.approx((6 / 8 + 1 / 2) / 2)


def test_true_class_without_match_counts_zero_in_macro_accuracy() -> None:
    assert macro_accuracy_score([0, 0, 1, 1], [0, 0, 0, 0]) == pytest.approx(1 / 2)


def test_classes_that_share_no_sample_are_not_matched() -> None:
    matching = match_classes([0, 0, 1], [5, 6, 5])
    assert matching.matched_counts.sum() == 2
    assert match_classes([0, 0, 0], [1, 1, 2]).pred_of_true.tolist() == [0]
    assert match_classes([3, 4], [0, 0]).pred_of_true.tolist().count(-1) == 1


def test_independent_labels_have_no_rand_index_or_information() -> None:
    true, pred = np.repeat([0, 1], 50), np.tile([0, 1], 50)
    assert adjusted_rand_score(true, pred) == pytest.approx(0, abs=0.02)
    assert normalized_mutual_info_score(true, pred) == pytest.approx(0, abs=1e-9)


def test_coarse_accuracy_leaves_unlabelled_samples_out() -> None:
    relation = np.array([[1, 0], [0, 1], [0, 1]], bool)
    assert coarse_accuracy_score([0, 1, 1, -1], [0, 1, 0, 2], relation) == pytest.approx(2 / 3)


def test_coarse_accuracy_is_the_matrix_product() -> None:
    rng = np.random.default_rng(3)
    relation = np.eye(3, dtype=bool)[rng.integers(0, 3, 7)]
    coarse, pred = rng.integers(0, 3, 50), rng.integers(0, 7, 50)
    by_product = (np.eye(7)[pred] @ relation).argmax(axis=1)
    assert coarse_accuracy_score(coarse, pred, relation) == (by_product == coarse).mean()


@pytest.mark.parametrize(
    ("true", "pred"), [([], []), ([0, 1], [0]), ([0.5, 1.0], [0, 1]), ([[0]], [[0]])]
)
@pytest.mark.parametrize("score", SCORES)
def test_bad_labels_are_told_in_one_sentence(score, true, pred) -> None:
    with pytest.raises(InputError, match="Metrics need"):
        score(true, pred)


def test_coarse_accuracy_needs_a_label() -> None:
    with pytest.raises(InputError, match="at least one labelled"):
        coarse_accuracy_score([-1], [0], [[True]])
