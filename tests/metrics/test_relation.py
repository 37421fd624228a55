"""Laws of the relation metrics; the graph edit distance is checked against networkx's search."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from falcon_svc.metrics import (
    GED_CAVEAT,
    accuracy_score,
    ged_bounds,
    majority_parent,
    path_accuracy_score,
    relation_edge_accuracy_score,
)


def relation_of(parents: list[int], n_coarse: int) -> np.ndarray:
    return np.eye(n_coarse, dtype=bool)[parents]


def star_forest(parents: list[int], n_coarse: int) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from((f"c{k}", {"name": k}) for k in range(n_coarse))
    graph.add_nodes_from((f"f{i}", {"name": "fine"}) for i in range(len(parents)))
    graph.add_edges_from((f"f{i}", f"c{k}") for i, k in enumerate(parents))
    return graph


FORESTS = [
    ([0, 0, 1], [0, 1, 1], 2),
    ([0, 0, 0], [0, 1, 1], 2),
    ([0, 0], [0, 0, 1], 2),
    ([0, 1, 2], [0, 0, 0], 3),
    ([0], [1, 1, 1], 2),
]


@pytest.mark.parametrize(("true", "pred", "n_coarse"), FORESTS)
def test_ged_upper_is_the_edit_distance_with_named_coarse_nodes(true, pred, n_coarse) -> None:
    def same_name(a, b) -> bool:
        return a["name"] == b["name"]

    exact = nx.graph_edit_distance(
        star_forest(true, n_coarse), star_forest(pred, n_coarse), node_match=same_name
    )
    assert ged_bounds(relation_of(true, n_coarse), relation_of(pred, n_coarse)).upper == exact


@pytest.mark.parametrize(("true", "pred", "n_coarse"), FORESTS)
def test_ged_lower_is_the_edit_distance_without_names(true, pred, n_coarse) -> None:
    exact = nx.graph_edit_distance(star_forest(true, n_coarse), star_forest(pred, n_coarse))
    assert ged_bounds(relation_of(true, n_coarse), relation_of(pred, n_coarse)).lower == exact


def test_ged_is_zero_for_a_random_graph_of_the_right_sizes() -> None:
    parents = np.repeat(np.arange(20), 5)
    shuffled = np.random.default_rng(0).permutation(parents)
    assert (parents != shuffled).mean() > 0.8
    assert ged_bounds(relation_of(parents, 20), relation_of(shuffled, 20)) == (0, 0)
    assert "tells nothing" in GED_CAVEAT


def test_edge_accuracy_sees_what_ged_does_not() -> None:
    true = np.repeat(np.arange(100), 3)
    parents = np.repeat(np.arange(20), 5)
    shuffled = np.random.default_rng(0).permutation(parents)
    wrong = relation_edge_accuracy_score(true, true, parents, shuffled)
    assert wrong == pytest.approx((parents == shuffled).mean())
    assert relation_edge_accuracy_score(true, true, parents, parents) == 1


def test_hand_case_edge_and_path_accuracy() -> None:
    true = [0] * 4 + [1] * 2 + [2] * 2
    pred = [7] * 4 + [5, 5] + [6, 6]
    pred_parent = np.zeros(8, int)
    pred_parent[[7, 5, 6]] = [0, 1, 0]
    true_parent = [0, 1, 1]
    assert relation_edge_accuracy_score(true, pred, true_parent, pred_parent) == pytest.approx(
        2 / 3
    )
    assert path_accuracy_score(true, pred, true_parent, pred_parent) == pytest.approx(6 / 8)


@pytest.mark.parametrize("seed", range(4))
def test_renaming_predicted_classes_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 6, 400)
    pred = np.where(rng.random(400) < 0.8, true, rng.integers(0, 6, 400))
    true_parent, pred_parent, names = (
        rng.integers(0, 2, 6),
        rng.integers(0, 2, 6),
        rng.permutation(6),
    )
    renamed_parent = np.empty(6, int)
    renamed_parent[names] = pred_parent
    for score in (relation_edge_accuracy_score, path_accuracy_score):
        renamed = score(true, names[pred], true_parent, renamed_parent)
        assert renamed == pytest.approx(score(true, pred, true_parent, pred_parent))


@pytest.mark.parametrize("seed", range(4))
def test_path_accuracy_is_at_most_the_accuracy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, 5, 100), rng.integers(0, 6, 100)
    parents = rng.integers(0, 2, 5), rng.integers(0, 2, 6)
    path = path_accuracy_score(true, pred, *parents)
    assert 0 <= path <= accuracy_score(true, pred)
    everywhere = np.zeros(5, int), np.zeros(6, int)
    assert path_accuracy_score(true, pred, *everywhere) == accuracy_score(true, pred)


def test_majority_parent_ignores_unlabelled_samples_and_marks_orphans() -> None:
    fine, coarse = [0, 0, 0, 1, 3], [1, 1, 0, -1, 0]
    assert majority_parent(fine, coarse).tolist() == [1, -1, -1, 0]
