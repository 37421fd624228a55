"""Hierarchies in files: CSV of paths and GraphML, and bytes that are neither."""

from __future__ import annotations

import pytest
from hypothesis import given

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy import files as tree_files
from falcon_svc.result.graph import graph_graphml
from tests.discoveries import pretend_blobs
from tests.hierarchy.plain import BIRDS, often, trees


def write(folder, text, name="tree.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_paths_in_a_csv_file(tmp_path, separator):
    rows = ["family,species", "bird,jay", "bird,wren", "fish,"]
    file = write(tmp_path, "\ufeff" + "\r\n".join(rows).replace(",", separator))
    assert Tree.from_csv(file) == Tree.from_paths([("bird", "jay"), ("bird", "wren"), ("fish",)])


def test_columns_of_a_csv_file_in_the_order_asked_for(tmp_path):
    file = write(tmp_path, 'id,species,family\n1,"jay, blue",bird\n2,cod,fish\n')
    tree = Tree.from_csv(file, columns=["family", "species"])
    assert tree.paths[3] == ("bird", "jay, blue")


CSV_REFUSED = [
    ("bird,jay\nbird,wren\n", "header.*'bird' there and again"),
    ("a,b\nx,y,z\n", "found 3 in row 2"),
    ("a,b\n\n\n", "found 1 rows"),
    ("a\nx\n\ny\n", "found 0 in row 3"),
    (b"a,b\n\xff,x\n", "CSV file in UTF-8"),
    ('a,b\n"x,y\n', "CSV file in UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), CSV_REFUSED)
def test_csv_refusals(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        Tree.from_csv(write(tmp_path, text))


def test_unknown_columns_and_files_are_named(tmp_path):
    with pytest.raises(InputError, match="'genus', found 'a', 'b'"):
        Tree.from_csv(write(tmp_path, "a,b\nx,y\n"), columns=["genus"])
    with pytest.raises(InputError, match="No such file"):
        Tree.from_csv(tmp_path / "none.csv")


def test_large_files_are_refused_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(tree_files, "MAX_BYTES", 4)
    with pytest.raises(InputError, match="at most"):
        Tree.from_csv(write(tmp_path, "a,b\nx,y\n"))


@often
@given(trees())
def test_graphml_leads_back(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("graph") / "tree.graphml"
    tree.to_graphml(file)
    assert {*Tree.from_graphml(file).paths} == {*tree.paths}


def test_graphml_holds_an_added_root_by_leaving_it_out(tmp_path):
    file = tmp_path / "tree.graphml"
    BIRDS.to_graphml(file)
    assert Tree.from_graphml(file) == BIRDS


def test_graphml_holds_several_parents(tmp_path):
    tree = Tree.from_relation(["land", "sea"], ["seal", "cod"], [[1, 1], [0, 1]])
    tree.to_graphml(tmp_path / "dag.graphml")
    again = Tree.from_graphml(tmp_path / "dag.graphml")
    assert (again.ancestors == tree.ancestors).all() and again.names == tree.names


def test_the_graph_of_a_discovery_is_a_hierarchy(tmp_path):
    _, _, discovery = pretend_blobs()
    write(tmp_path, graph_graphml(discovery), "graph.graphml")
    tree = Tree.from_graphml(tmp_path / "graph.graphml")
    (relation,) = discovery.relations
    fine = [one.name or one.title for one in discovery.classes]
    own = Tree.from_relation(relation.coarse_names, fine, relation.relation)
    assert {*tree.paths} == {*own.paths}


GRAPHML = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    '<graph edgedefault="{}">{}</graph></graphml>'
)
NODES = '<node id="a"/><node id="b"/><edge source="a" target="b"/>'


def test_nodes_without_a_name_go_by_their_id(tmp_path):
    file = write(tmp_path, GRAPHML.format("directed", NODES), "g.graphml")
    assert Tree.from_graphml(file).paths == (("a",), ("a", "b"))


GRAPHML_REFUSED = [
    (GRAPHML.format("undirected", NODES), "from parent to child"),
    (GRAPHML.format("directed", NODES + '<edge source="b" target="a"/>'), "without cycles"),
    (GRAPHML.format("directed", ""), "at least one node"),
    ("<!DOCTYPE x [<!ENTITY e 'y'>]>" + GRAPHML.format("directed", NODES), "document type"),
    ("no xml", "bytes that are no XML"),
    ("<html></html>", "found something else"),
]


@pytest.mark.parametrize(("text", "message"), GRAPHML_REFUSED)
def test_graphml_refusals(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        Tree.from_graphml(write(tmp_path, text, "g.graphml"))
