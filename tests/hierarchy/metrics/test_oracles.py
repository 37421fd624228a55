"""The same figures from other programs: HiClass and hiereval, where they are installed."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.inference import level_argmax
from falcon_svc.hierarchy.metrics import (
    edge_distance_error,
    full_path_accuracy_score,
    hierarchical_scores,
    level_violation_error,
)

TREE = Tree.from_paths(
    [(f"a{i // 9}", f"b{i // 3}", f"c{i}") for i in range(27)] + [("a3",), ("a0", "b9")]
)


def pairs(seed, nodes):
    rng = np.random.default_rng(seed)
    return rng.choice(nodes, 300), rng.choice(nodes, 300)


@pytest.mark.filterwarnings("ignore:F-score is ill-defined")  # where nothing is shared
@pytest.mark.parametrize("average", ["micro", "macro"])
def test_ancestor_sets_as_hiclass(average):
    metrics = pytest.importorskip("hiclass.metrics")
    true, predicted = pairs(0, TREE.leaves)
    paths = [TREE.decode(nodes).astype(str) for nodes in (true, predicted)]
    found = hierarchical_scores(true, predicted, tree=TREE, average=average)
    assert found.precision == pytest.approx(metrics.precision(*paths, average=average))
    assert found.recall == pytest.approx(metrics.recall(*paths, average=average))
    assert found.f == pytest.approx(metrics.f1(*paths, average=average))


def test_sets_distances_and_paths_as_hiereval():
    hiereval = pytest.importorskip("hiereval")
    true, predicted = pairs(1, np.arange(1, TREE.n_nodes))
    paths = [TREE.decode(nodes).tolist() for nodes in (true, predicted)]
    theirs = hiereval.hierarchical_prf(*paths, unk="")
    found = hierarchical_scores(true, predicted, tree=TREE)
    assert found == pytest.approx((theirs.precision, theirs.recall, theirs.f1))
    distance = hiereval.mean_taxonomic_distance(*paths, unk="")
    assert edge_distance_error(true, predicted, tree=TREE) == pytest.approx(distance)
    exact = hiereval.full_path_accuracy(*paths, unk="")
    assert full_path_accuracy_score(true, predicted, tree=TREE) == pytest.approx(exact)


def test_levels_that_are_no_path_as_hiereval():
    hiereval = pytest.importorskip("hiereval")
    scores = np.random.default_rng(2).random((200, TREE.n_nodes))
    levels = level_argmax(scores, tree=TREE)
    names = np.array(TREE.names)[levels].tolist()
    edges = {
        (TREE.depths[p] - 1, TREE.names[p], TREE.names[v])
        for v, p in enumerate(TREE.parents.tolist())
        if p > 0
    }
    theirs = hiereval.inconsistency_rate(names, hiereval.Taxonomy(edges), unk="")
    assert level_violation_error(levels, tree=TREE) == pytest.approx(theirs)
