"""Labels that name several classes: one cell for every combination."""

from __future__ import annotations

import numpy as np

from falcon_svc.types import LabelSource

LABELS = LabelSource(
    "coarse", np.array([0, -1, 1, -1, -1, 2]), ("a", "b", "c"), {1: (0, 2), 3: (0, 1), 4: (0, 2)}
)


def test_combinations_follow_the_classes_and_name_their_parents():
    cells = LABELS.cells()
    assert cells.source.labels.tolist() == [0, 4, 1, 3, 4, 2]
    assert cells.source.names == ("a", "b", "c", "a|b", "a|c")
    assert cells.parents.tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
        [True, True, False],
        [True, False, True],
    ]


def test_a_combination_allows_the_children_of_all_its_classes():
    relation = np.eye(3, dtype=np.bool_)[[0, 1, 1, 2]]
    widened = LABELS.cells().widened(relation)
    assert widened[:, :3].tolist() == relation.tolist()
    assert widened[:, 3].tolist() == [True, True, True, False]
    assert widened[:, 4].tolist() == [True, False, False, True]


def test_labels_of_one_class_each_are_their_own_cells():
    plain = LabelSource("coarse", np.array([0, -1, 1]), ("a", "b"))
    assert plain.cells().source.labels.tolist() == [0, -1, 1]
    assert plain.cells().parents.tolist() == np.eye(2, dtype=bool).tolist()
