"""What is done for thousands of coarse classes at once equals what is done for each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import adjusted_rand_score

from falcon_svc.discovery.counts.total_stability import adjusted_rand_by_class
from falcon_svc.discovery.partition.merge_tree import ward_tree
from falcon_svc.types import LabelSource


def test_the_index_of_all_classes_is_that_of_each():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [1, 2, 30, 40, 20])
    one, two = rng.integers(0, 4, (2, len(labels)))
    two[labels == 3] = one[labels == 3] + 7  # the same partition under other names
    two[labels == 4] = 0
    source = LabelSource("coarse", labels, tuple("abcde"))
    want = [adjusted_rand_score(one[labels == q], two[labels == q]) for q in range(5)]
    np.testing.assert_allclose(adjusted_rand_by_class(one, two, source), want, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_ward_trees_are_cut_as_scipy_cuts_them(count):
    rows = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    want = fcluster(linkage(rows, "ward"), count, "maxclust")
    assert adjusted_rand_score(want, ward_tree(rows).cut(count)) == pytest.approx(1)


def test_a_single_row_is_a_tree_without_a_split():
    tree = ward_tree(np.zeros((1, 3), np.float32))
    assert tree.cut(1).tolist() == [0] and not len(tree.costs)
