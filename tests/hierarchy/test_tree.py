"""The hierarchy's arrays against loops, and its sentences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from tests.hierarchy.plain import BIRDS, common, height, leaves_below, line, often, trees


@often
@given(trees())
def test_arrays_agree_with_loops(tree):
    parents, nodes = tree.parents.tolist(), range(tree.n_nodes)
    lines = [line(parents, v) for v in nodes]
    assert tree.depths.tolist() == [len(one) - 1 for one in lines]
    assert tree.heights.tolist() == [height(tree, v) for v in nodes]
    assert tree.leaf_descendant_counts.tolist() == [len(leaves_below(tree, v)) for v in nodes]
    assert [tree.children.of(v).tolist() for v in nodes] == [
        [c for c in nodes if parents[c] == v] for v in nodes
    ]
    assert [np.flatnonzero(row).tolist() for row in tree.ancestors] == [*map(sorted, lines)]
    assert all(tree.path(v).tolist() == lines[v][::-1] for v in nodes)
    assert sorted(np.concatenate(tree.levels).tolist()) == list(nodes)
    assert tree.is_leaf.sum() == tree.n_leaves == len(tree.leaves)


@often
@given(trees())
def test_common_ancestors_agree_with_loops(tree):
    nodes = range(tree.n_nodes)
    found = tree.lca(np.arange(tree.n_nodes)[:, None], np.arange(tree.n_nodes))
    assert found.tolist() == [[common(tree, a, b) for b in nodes] for a in nodes]


@often
@given(trees())
def test_paths_lead_back(tree):
    again = Tree.from_paths([*tree.paths])
    assert {*again.paths} == {*tree.paths}
    assert tree.encode(tree.paths).tolist() == list(range(tree.n_nodes))
    assert tree.encode(tree.decode(range(tree.n_nodes))).tolist() == list(range(tree.n_nodes))


def test_paths_make_a_tree_by_depth():
    assert BIRDS.names == ("root", "bird", "fish", "jay", "wren", "cod", "eel", "pike")
    assert BIRDS.parents.tolist() == [-1, 0, 0, 1, 1, 2, 2, 2]
    assert BIRDS.added_root and BIRDS.paths[0] == () and BIRDS.paths[3] == ("bird", "jay")
    assert np.allclose(BIRDS.information[[0, 1, 3]], [0, np.log2(5 / 2), np.log2(5)])


def test_one_top_level_class_is_the_root():
    tree = Tree.from_paths([("bird", "jay"), ("bird", "wren", "small")])
    assert tree.names == ("bird", "jay", "wren", "small") and not tree.added_root
    assert tree.paths[0] == ("bird",)


def test_an_empty_path_is_a_label_at_an_added_root():
    tree = Tree.from_paths([("bird", "jay"), ()])
    assert tree.added_root and tree.encode([()]).tolist() == [0]


def test_levels_as_hiclass_takes_them():
    rows = [["bird", "jay"], ["bird", ""], ["fish", None], ["fish", float("nan")]]
    table = np.array(rows, object)
    tree = Tree.from_levels(table)
    assert tree.names == ("root", "bird", "fish", "jay")
    assert tree.decode(tree.encode(table.tolist())).tolist() == [
        *(["bird", "jay"], ["bird", ""], ["fish", ""], ["fish", ""])
    ]
    assert Tree.from_levels(["a", "b"]).names == ("root", "a", "b")


def test_a_name_may_stand_under_several_parents():
    tree = Tree.from_paths([("bird", "other"), ("fish", "other")])
    assert tree.names == ("root", "bird", "fish", "other", "other")
    assert tree.node(("fish", "other")) == 4
    with pytest.raises(InputError, match="found the paths 'bird > other', 'fish > other'"):
        tree.node("other")
    assert tree.node("bird") == 1


def test_a_relation_is_the_two_level_case():
    tree = Tree.from_relation(["bird", "fish"], ["f0", "f1", "f2"], [1, 0, 1])
    assert tree.parents.tolist() == [-1, 0, 0, 2, 1, 2]
    table = np.array([[0, 1], [1, 0], [0, 1]], bool)
    assert Tree.from_relation(["bird", "fish"], ["f0", "f1", "f2"], table) == tree
    assert hash(tree) == hash(Tree.from_relation(["bird", "fish"], ["f0", "f1", "f2"], table))


def test_a_class_with_several_parents_has_both_lines_above_it():
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    assert tree.extra_parents == ((3, 2),) and not tree.is_tree
    assert np.flatnonzero(tree.ancestors[3]).tolist() == [0, 1, 2, 3]
    assert tree.leaf_descendant_counts.tolist() == [2, 1, 2, 1, 1]
    assert tree.children.of(2).tolist() == [3, 4]
    with pytest.raises(InputError, match=r"ancestor needs one parent per class.*'seal'"):
        tree.lca(3, 4)


def test_parents_come_in_any_order_and_several_tops_get_a_root():
    tree = Tree.from_parents(["leaf", "top", "inner"], [2, -1, 1])
    assert tree.names == ("top", "inner", "leaf") and tree.parents.tolist() == [-1, 0, 1]
    assert Tree.from_parents(["a", "b"], [-1, -1]).names == ("root", "a", "b")
    dag = Tree.from_parents(["a", "b", "c"], [-1, -1, 0], [(2, 1)])
    assert dag.extra_parents == ((3, 2),)


def test_a_line_of_single_children_is_allowed():
    tree = Tree.from_paths([tuple("abcdefghijkl")])
    assert tree.height == 11 and tree.n_leaves == 1
    assert tree.leaf_descendant_counts.tolist() == [1] * 12
    assert Tree(("only",), np.array([-1])).leaves.tolist() == [0]


REFUSED = [
    (lambda: Tree.from_parents(["a", "b", "c"], [1, 0, -1]), "without cycles.*'a', 'b'"),
    (lambda: Tree.from_parents(["a", "b"], [-1, 7]), "from 0 to 1, found 7"),
    (lambda: Tree.from_parents(["a"], []), "1 names and 0 parents"),
    (lambda: Tree(("a", "b"), np.array([-1, -1])), "one root.*'0', '1'"),
    (lambda: Tree(("a", "b", "c"), np.array([-1, 2, 0])), "found parent 2 of node 1"),
    (lambda: Tree(("a", "b"), np.array([-1, 0]), ((1, 1),)), "found parent 1 of node 1"),
    (lambda: Tree((), np.array([], int)), "at least one node"),
    (lambda: Tree(("a", ""), np.array([-1, 0])), "found an empty one"),
    (lambda: Tree(("a", "b", "b"), np.array([-1, 0, 0])), "'b' twice under 'a'"),
    (lambda: Tree.from_paths([]), "found none"),
    (lambda: Tree.from_paths([("a", "", "b")]), "empty name at level 2 before 'b' in row 0"),
    (lambda: Tree.from_paths([tuple("a" * 102)]), "at most 100 levels"),
    (lambda: Tree.from_paths([("a",) * 100_000]), "at most 100 levels"),
    (lambda: Tree.from_parents(list("abc" * 99), range(-1, 296)), "at most 100 levels"),
    (lambda: Tree(("a", "b", "c"), np.array([-1, 0, 1]), ((2, 1),)), "pair .* once"),
    (lambda: Tree.from_levels(np.zeros((1, 1, 1), str)), r"found \(1, 1, 1\)"),
    (lambda: BIRDS.encode([("bird", "cod")]), "'bird > cod' in row 0"),
    (lambda: BIRDS.node("dodo"), "'dodo', found none"),
    (lambda: Tree.from_relation(["a", "b"], ["x"], [2]), "found coarse class 2"),
    (lambda: Tree.from_relation(["a", "b"], ["x"], [[0, 0]]), "none for fine class 0"),
    (lambda: Tree.from_relation(["a", "b"], ["x"], [0, 1]), r"shape \(1,\) or \(1, 2\)"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_refusals_are_one_sentence(build, message):
    with pytest.raises(InputError, match=message) as caught:
        build()
    assert str(caught.value).endswith(".")


def test_ten_thousand_leaves_in_twelve_levels():
    rows = [[f"{d}/{i // max(1, 10 ** (4 - d))}" for d in range(13)] for i in range(10_000)]
    tree = Tree.from_paths(rows)
    assert tree.n_leaves == 10_000 and tree.height == 12
    assert tree.leaf_descendant_counts[0] == 10_000
    assert tree.lca(tree.leaves, tree.leaves[::-1]).shape == (10_000,)
    with pytest.raises(InputError, match=r"use Tree\.ancestors_sparse"):
        _ = tree.ancestors


def test_a_tree_says_what_it_is_in_a_line():
    assert repr(BIRDS) == "Tree(8 nodes, 5 leaves, height 2)"
