"""A result is written whole or not at all, and read back equal."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import shutil
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from falcon_svc.durable import atomic_directory
from falcon_svc.durable.atomic_directory import check_replaceable
from falcon_svc.durable.swap import exchange
from falcon_svc.errors import InputError, StorageError
from falcon_svc.result import files
from falcon_svc.result.files import (
    FEATURES,
    features_file,
    read_discovery,
    read_features,
    write_discovery,
)
from falcon_svc.result.graph import graph_cytoscape, graph_graphml, graph_node_link
from falcon_svc.result.table import assignments_parquet, read_assignments
from falcon_svc.types import LabelSource
from tests.discoveries import blobs, judged, pretend_blobs, pretend_dataset, pretend_discovery

MODEL = {"model.safetensors": b"weights", "model.json": b"{}"}
FILES = {
    "discovery.json", "assignments.parquet", "arrays.safetensors", "graph.json", "graph.graphml",
    "run.jsonl", "report.html", *MODEL,
}  # fmt: skip


@pytest.fixture
def discovery():
    return pretend_blobs()[2]


def two_source_discovery():
    x, coarse, fine = blobs(n_coarse=2, n_fine=5)
    other = np.where(np.arange(len(x)) % 3 == 0, -1, (fine > 2).astype(np.int64))
    source = LabelSource("étage", other, ("low <&>", "high"))
    names = ("bird", "fish\x01")
    dataset = pretend_dataset(x, coarse, names=names, sources=(source,))
    return pretend_discovery(dataset, x, fine)


def write(directory: Path, discovery) -> None:
    write_discovery(directory, discovery, model_files=MODEL, report_html="<p>hello</p>")


def assert_equal(left, right) -> None:
    """Field by field, as arrays have no plain equality."""
    if is_dataclass(left):
        assert type(left) is type(right)
        for field in fields(left):
            assert_equal(getattr(left, field.name), getattr(right, field.name))
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, tuple):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            assert_equal(a, b)
    else:
        assert left == right


def in_two_coarse_classes():
    """A discovery with labels judged, and a class that hangs on two coarse classes."""
    found = judged(two_source_discovery())
    relation = found.relations[0].relation.copy()
    relation[0] = True
    classes = (replace(found.classes[0], also_in={"coarse": (1,)}), *found.classes[1:])
    relations = (replace(found.relations[0], relation=relation), *found.relations[1:])
    return replace(found, classes=classes, relations=relations)


@pytest.mark.parametrize(
    "make", [lambda: pretend_blobs()[2], two_source_discovery, in_two_coarse_classes]
)
def test_reading_returns_what_was_written(tmp_path: Path, make) -> None:
    discovery = make()
    write(tmp_path / "out", discovery)
    assert_equal(read_discovery(tmp_path / "out"), discovery)


def test_a_table_of_judged_labels_is_still_a_data_set_of_the_same_sources(tmp_path: Path) -> None:
    names = read_assignments(assignments_parquet(judged(two_source_discovery()))).column_names
    assert [name for name in names if name.startswith("coarse")] == ["coarse", "coarse_étage"]
    assert names[-6:] == [
        *("wrong_probability", "proposed_coarse", "proposed_probability"),
        *("wrong_probability_étage", "proposed_coarse_étage", "proposed_probability_étage"),
    ]


def test_a_result_of_the_first_schema_is_read(tmp_path: Path, discovery) -> None:
    write(tmp_path / "out", discovery)
    path = tmp_path / "out" / "discovery.json"
    document = json.loads(path.read_text())
    del document["label_noise"], document["shared_pairs"]
    for record in document["classes"]:
        del record["also_in"]
    path.write_text(json.dumps({**document, "schema_version": "1.0"}))
    assert_equal(read_discovery(tmp_path / "out"), discovery)


def test_a_class_in_two_coarse_classes_has_two_edges() -> None:
    found = in_two_coarse_classes()
    edges = [e["source"] for e in graph_node_link(found)["edges"] if e["target"] == "fine/0"]
    assert edges[:2] == ["coarse/coarse/0", "coarse/coarse/1"]


def test_all_files_are_there_and_nothing_else_is_left(tmp_path: Path, discovery) -> None:
    write(tmp_path / "deep" / "out", discovery)
    assert {p.name for p in (tmp_path / "deep" / "out").iterdir()} == FILES
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]


def test_same_discovery_gives_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a", pretend_blobs()[2])
    write(tmp_path / "b", pretend_blobs()[2])
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_numbers_that_json_lacks_survive(tmp_path: Path, discovery) -> None:
    relation = replace(discovery.relations[0], bound=math.inf, gap=math.inf)
    odd = replace(discovery, relations=(relation,), history=({"epoch": 0.0, "loss": math.nan},))
    write(tmp_path / "out", odd)
    back = read_discovery(tmp_path / "out")
    assert back.relations[0].bound == math.inf
    assert math.isnan(back.history[0]["loss"])


def test_earlier_result_and_empty_directory_are_replaced(tmp_path: Path, discovery) -> None:
    out = tmp_path / "out"
    out.mkdir()
    write(out, discovery)
    write(out, replace(discovery, seed=7))
    assert read_discovery(out).seed == 7
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("foreign", ["thesis.docx", "discovery.json"])
def test_foreign_directory_is_refused_and_kept(tmp_path: Path, discovery, foreign: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / foreign).write_text("mine")
    with pytest.raises(StorageError, match=foreign):
        write(tmp_path / "out", discovery)
    assert (tmp_path / "out" / foreign).read_text() == "mine"
    assert len(list(tmp_path.rglob("*"))) == 2


def test_users_file_beside_an_earlier_result_is_never_lost(tmp_path: Path, discovery) -> None:
    write(tmp_path / "out", discovery)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"notes\.txt"):
        check_replaceable(tmp_path / "out")


def test_file_in_place_of_the_directory_is_refused(tmp_path: Path, discovery) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StorageError, match="is a file"):
        write(tmp_path / "out", discovery)


def test_a_home_that_takes_no_files_is_refused_early(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="file is a file"):
        check_replaceable(tmp_path / "file" / "deeper" / "out")
    check_replaceable(tmp_path / "new" / "deeper" / "out")
    monkeypatch.setattr(os, "access", lambda place, mode: place != tmp_path)
    with pytest.raises(StorageError, match="takes no files of yours"):
        check_replaceable(tmp_path / "new" / "out")


def fail_at(monkeypatch, function: str, n: int) -> list[int]:
    """Let the n-th call of an `os` function fail as on a full disk; return the calls so far."""
    real, calls = getattr(os, function), []

    def full(*args, **kwargs):
        calls.append(1)
        if len(calls) == n:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*args, **kwargs)

    monkeypatch.setattr(os, function, full)
    return calls


def is_written(directory: Path, discovery) -> bool:
    try:
        write(directory, discovery)
    except StorageError as error:
        return "disk is full" not in str(error)
    return True


@pytest.mark.parametrize("earlier", [False, True])
@pytest.mark.parametrize("function", ["fsync", "rename", "mkdir"])
def test_full_disk_at_any_point_changes_nothing(
    tmp_path: Path, discovery, function: str, earlier: bool, monkeypatch
) -> None:
    if function == "rename":  # the way of file systems that cannot exchange names
        monkeypatch.setattr(atomic_directory, "exchange", lambda one, other: False)
    out, old, failures = tmp_path / "out", replace(discovery, seed=7), 0
    for n in range(1, 40):
        shutil.rmtree(out, ignore_errors=True)
        if earlier:
            write(out, old)
        with pytest.MonkeyPatch.context() as patch:
            calls = fail_at(patch, function, n)
            written = is_written(out, discovery)
        if len(calls) < n:
            break
        if not written:
            failures += 1
            assert [p.name for p in tmp_path.iterdir()] == (["out"] if earlier else [])
            assert not earlier or read_discovery(out).seed == 7
    assert failures >= (len(FILES) + 2 if function == "fsync" else 1)
    assert read_discovery(out).seed == 0


def test_an_exchange_that_fails_changes_nothing(tmp_path: Path, discovery, monkeypatch) -> None:
    def full(one: Path, other: Path) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / "out", replace(discovery, seed=7))
    monkeypatch.setattr(atomic_directory, "exchange", full)
    with pytest.raises(StorageError, match="disk is full"):
        write(tmp_path / "out", discovery)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert read_discovery(tmp_path / "out").seed == 7


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere may not offer it")
def test_names_are_exchanged_in_one_step(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    with pytest.raises(OSError, match="No such file"):
        exchange(tmp_path / "a", tmp_path / "c")


def test_leftovers_of_killed_runs_are_swept_once_they_are_old(tmp_path: Path, discovery) -> None:
    old, new = tmp_path / ".out.00000000.tmp", tmp_path / ".out.11111111.tmp"
    for left in (old, new):
        left.mkdir()
    os.utime(old, (0, 0))
    write(tmp_path / "out", discovery)
    assert sorted(p.name for p in tmp_path.iterdir()) == [new.name, "out"]


@pytest.mark.parametrize("n", range(2))
def test_failing_writer_leaves_nothing(tmp_path: Path, discovery, n: int) -> None:
    def full(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    model = {**MODEL, sorted(MODEL)[n]: full}
    with pytest.raises(StorageError, match="disk is full"):
        write_discovery(tmp_path / "out", discovery, model_files=model, report_html="")
    assert not list(tmp_path.iterdir())


def test_bug_in_a_writer_stays_a_traceback_and_leaves_nothing(tmp_path: Path, discovery) -> None:
    def broken(path: Path) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_discovery(tmp_path / "o", discovery, model_files={"m": broken}, report_html="")
    assert not list(tmp_path.iterdir())


def test_writer_function_gets_a_path_to_write(tmp_path: Path, discovery) -> None:
    model = {"model.json": lambda path: path.write_text("{}") and None}
    write_discovery(tmp_path / "out", discovery, model_files=model, report_html="")
    assert (tmp_path / "out" / "model.json").read_text() == "{}"


def test_directory_without_result_is_told_apart_from_a_damaged_one(tmp_path, discovery) -> None:
    with pytest.raises(InputError, match="has none"):
        read_discovery(tmp_path)
    write(tmp_path / "out", discovery)
    document = tmp_path / "out" / "discovery.json"
    complete = json.loads(document.read_bytes())
    for key in ("files", "classes", "relations", "seed"):
        document.write_text(json.dumps({k: v for k, v in complete.items() if k != key}))
        with pytest.raises(StorageError, match=r"discovery\.json"):
            read_discovery(tmp_path / "out")
    document.write_text(json.dumps(complete))
    table = tmp_path / "out" / "assignments.parquet"
    table.write_bytes(table.read_bytes()[:-7])
    with pytest.raises(StorageError, match=r"assignments\.parquet"):
        read_discovery(tmp_path / "out")
    document.write_text("{")
    with pytest.raises(StorageError, match=r"discovery\.json"):
        read_discovery(tmp_path / "out")


def test_later_schema_is_refused_by_name(tmp_path: Path, discovery) -> None:
    write(tmp_path / "out", discovery)
    path = tmp_path / "out" / "discovery.json"
    path.write_text(path.read_text().replace('"schema_version": "1.3"', '"schema_version": "2.0"'))
    with pytest.raises(InputError, match=r"2\.0"):
        read_discovery(tmp_path / "out")


def test_assignments_table_speaks_in_names_and_nulls() -> None:
    table = read_assignments(assignments_parquet(two_source_discovery()))
    assert table.column_names == [
        "id", "coarse", "coarse_étage", "fine", "fine_name", "confidence", "margin",
        "runner_up", "fine_unmasked",
    ]  # fmt: skip
    first = table.slice(0, 1).to_pylist()[0]
    assert first["id"] == "s00000"
    assert first["coarse"] == "bird"
    assert first["coarse_étage"] is None


def test_only_child_has_no_runner_up(tmp_path: Path) -> None:
    _, _, discovery = pretend_blobs(n_coarse=3, n_fine=3)
    table = read_assignments(assignments_parquet(discovery))
    assert table.column("runner_up").null_count == discovery.n_samples
    write(tmp_path / "out", discovery)
    assert (read_discovery(tmp_path / "out").assignments.runner_up == -1).all()


@pytest.mark.parametrize("make", [lambda: pretend_blobs()[2], two_source_discovery])
def test_graph_files_are_read_by_networkx_and_hold_the_relation(make) -> None:
    discovery = make()
    linked = nx.node_link_graph(graph_node_link(discovery), edges="edges")
    read = nx.read_graphml(io.BytesIO(graph_graphml(discovery)))
    for graph in (linked, read):
        found = {(u, v) for u, v in graph.edges}
        assert found == {
            (f"coarse/{r.source}/{r.relation[i].argmax()}", f"fine/{i}")
            for r in discovery.relations
            for i in range(discovery.n_fine)
        }
        assert graph.nodes["fine/0"]["size"] == discovery.classes[0].size


def test_cytoscape_edges_join_nodes_that_exist() -> None:
    elements = graph_cytoscape(two_source_discovery())["elements"]
    ids = {node["data"]["id"] for node in elements["nodes"]}
    assert len(elements["edges"]) == 10
    assert all({e["data"]["source"], e["data"]["target"]} <= ids for e in elements["edges"])
    json.dumps(elements, allow_nan=False)


def test_run_file_has_one_line_per_epoch(tmp_path: Path, discovery) -> None:
    write(tmp_path / "out", discovery)
    lines = (tmp_path / "out" / "run.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(discovery.history)


def test_features_are_read_with_one_look_at_the_document(tmp_path, discovery, monkeypatch):
    x = np.arange(2.0 * discovery.n_samples, dtype=np.float32).reshape(-1, 2)
    kept = {**MODEL, FEATURES: features_file(x)}
    write_discovery(tmp_path / "out", discovery, model_files=kept, report_html="<p>")
    read, looks = files.read_document, []
    monkeypatch.setattr(files, "read_document", lambda at: looks.append(at) or read(at))
    assert np.array_equal(read_features(tmp_path / "out"), x)
    assert looks == [tmp_path / "out"]
