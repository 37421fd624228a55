"""`falcon metrics` from files to figures."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.hierarchy import Tree
from tests.cli.conftest import falcon

TREE = "family,species\nbird,jay\nbird,wren\nfish,cod\n"
TRUTH = "family,species\nbird,jay\nbird,jay\nfish,cod\nfish,\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tree.csv").write_text(TREE)
    (tmp_path / "truth.csv").write_text(TRUTH)
    return tmp_path


def metrics(folder, *arguments):
    tree, truth = folder / "tree.csv", folder / "truth.csv"
    return falcon("metrics", "--tree", tree, "--truth", truth, *arguments)


def test_figures_of_predicted_paths(folder):
    (folder / "predicted.csv").write_text("a,b\nbird,wren\nbird,\nfish,cod\nfish,cod\n")
    found = metrics(folder, "--predictions", folder / "predicted.csv", "--json").json
    assert found["full_path_accuracy"] == 0.25 and found["node_correct"] == 0.75
    assert found["hierarchical_recall"] == 5 / 7
    table = metrics(folder, "--predictions", folder / "predicted.csv").out
    assert "hierarchical_recall     0.7143\n" in table


def test_figures_of_scores(folder):
    tree = Tree.from_csv(folder / "tree.csv")
    best = tree.encode([("bird", "jay"), ("bird", "jay"), ("fish", "cod"), ("fish", "cod")])
    scores = tree.ancestors[best].astype(np.float32)
    np.save(folder / "scores.npy", scores)
    found = metrics(folder, "--scores", folder / "scores.npy", "--json").json
    assert found["average_precision_information"] == 1 and found["leaf_top1"] == 0.75
    tree.to_graphml(folder / "tree.graphml")
    again = falcon(
        *("metrics", "--tree", folder / "tree.graphml", "--truth", folder / "truth.csv"),
        *("--scores", folder / "scores.npy", "--json"),
    )
    assert again.json == found


def test_columns_that_are_no_levels(folder):
    for name, text in (("tree", TREE), ("truth", TRUTH)):
        head, *rows = text.splitlines()
        lines = [f"id,{head}", *(f"{i},{row}" for i, row in enumerate(rows))]
        (folder / f"{name}.csv").write_text("\n".join(lines))
    levels = ("--level", "family", "--level", "species")
    outcome = metrics(folder, "--predictions", folder / "truth.csv", *levels, "--json")
    assert outcome.json["full_path_accuracy"] == 1


def with_ids(folder, name, text, ids):
    head, *rows = text.splitlines()
    lines = [f"id,{head}", *(f"{i},{row}" for i, row in zip(ids, rows, strict=True))]
    (folder / name).write_text("\n".join(lines))


def test_labels_and_predictions_are_joined_by_id(folder):
    with_ids(folder, "truth.csv", TRUTH, "abcd")
    shuffled = "level_1,level_2,depth\nfish,cod,2\nfish,cod,2\nbird,,1\nbird,wren,2\nbird,jay,2\n"
    with_ids(folder, "predicted.csv", shuffled, "dcbae")
    found = metrics(folder, "--predictions", folder / "predicted.csv", "--json")
    assert found.json["full_path_accuracy"] == 0.25 and found.json["node_correct"] == 0.75
    assert "1 predictions are of samples without a label" in found.err
    with_level = ("--level", "family", "--level", "species", "--json")
    again = metrics(folder, "--predictions", folder / "predicted.csv", *with_level)
    assert again.json == found.json


def test_what_cannot_be_joined_is_one_sentence(folder):
    (folder / "predicted.csv").write_text(TRUTH)
    with_ids(folder, "truth.csv", TRUTH, "abcd")
    outcome = metrics(folder, "--predictions", folder / "predicted.csv")
    assert outcome.code == 2 and "found them in 'truth.csv' alone" in outcome.err
    with_ids(folder, "predicted.csv", TRUTH, "abbd")
    outcome = metrics(folder, "--predictions", folder / "predicted.csv")
    assert outcome.code == 2 and "found 'b' 2 times in 'predicted.csv'" in outcome.err
    with_ids(folder, "predicted.csv", TRUTH, "abxd")
    outcome = metrics(folder, "--predictions", folder / "predicted.csv")
    assert outcome.code == 2 and "found none for 'c' in 'predicted.csv'" in outcome.err


def test_a_report_of_paths_and_one_of_scores(folder):
    (folder / "predicted.csv").write_text("a,b\nbird,wren\nbird,\nfish,cod\nfish,cod\n")
    page = folder / "paths.html"
    assert metrics(folder, "--predictions", folder / "predicted.csv", "--report", page).code == 0
    assert "Top-level classes" in page.read_text("utf-8")
    tree = Tree.from_csv(folder / "tree.csv")
    best = tree.encode([("bird", "jay"), ("bird", "jay"), ("fish", "cod"), ("fish", "cod")])
    np.save(folder / "scores.npy", tree.ancestors[best].astype(np.float32))
    page = folder / "scores.html"
    assert metrics(folder, "--scores", folder / "scores.npy", "--report", page).code == 0
    assert "What caution buys" in page.read_text("utf-8")


def test_refusals(folder):
    outcome = metrics(folder)
    assert outcome.code == 2 and "exactly one" in outcome.err
    (folder / "predicted.csv").write_text("a,b\nbird,wren\n")
    outcome = metrics(folder, "--predictions", folder / "predicted.csv")
    assert outcome.code == 2 and "1 predictions for 4 labels" in outcome.err
    (folder / "predicted.csv").write_text("a,b\nbird,dodo\n" + 3 * "bird,wren\n")
    outcome = metrics(folder, "--predictions", folder / "predicted.csv", "--json")
    assert outcome.json["error"]["code"] == "bad_input" and "'bird > dodo'" in outcome.err
