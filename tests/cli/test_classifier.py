"""`falcon train-classifier`, `classify` and `advise` from files to files."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from falcon_svc.cli.classifier import Inference, Loss
from falcon_svc.hierarchy.classifier import RULES, HierarchicalClassifier
from falcon_svc.hierarchy.losses import LOSSES
from tests.cli.conftest import falcon, subset


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("classifier")
    subset(made / "set.npz")
    return made


@pytest.fixture(scope="module")
def model(folder):
    trained = falcon("train-classifier", folder / "set.npz", "--out", folder / "model", "--json")
    assert trained.code == 0, trained.err
    return trained.json


def test_flags_name_every_loss_and_rule():
    assert {one.value for one in Loss} == set(LOSSES)
    assert {one.value for one in Inference} == set(RULES)


def test_the_card_says_data_and_held_out_figures(folder, model):
    assert model["data_set"]["name"] == "set.npz" and len(model["data_set"]["sha256"]) == 64
    assert model["trained_on"]["rows"] == 180 and model["metrics"]["held_out_rows"] == 36
    assert model["metrics"]["held_out"]["leaf_top1"] > 0.7
    assert HierarchicalClassifier.load(folder / "model").card_ == model


def test_classes_of_samples(folder, model):
    out = folder / "classes.csv"
    done = falcon("classify", folder / "model", folder / "set.npz", "--out", out)
    assert done.code == 0 and "180 samples classified" in done.out
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert list(rows[0]) == ["id", "level_1", "level_2", "depth", "probability"]
    assert {row["depth"] for row in rows} == {"2"}
    sure = ("--inference", "threshold", "--threshold", "0.995")
    falcon("classify", folder / "model", folder / "set.npz", "--out", out, *sure)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert all(float(row["probability"]) > 0.995 for row in rows)
    assert {row["depth"] for row in rows} > {"2"}


def test_paths_of_a_file_and_their_tree(folder):
    with np.load(folder / "set.npz", allow_pickle=False) as data:
        names = data["coarse"].tolist()
    lines = "".join(f"office,{name}\n" if name == "work" else f"{name},\n" for name in names)
    (folder / "paths.csv").write_text("top,below\n" + lines)
    trained = falcon(
        *("train-classifier", folder / "set.npz", "--labels", folder / "paths.csv"),
        *("--out", folder / "other", "--loss", "hce", "--test-share", "0"),
    )
    assert trained.code == 0, trained.err
    paths = HierarchicalClassifier.load(folder / "other").tree_.to_paths()
    assert set(paths) == {("banking",), ("travel",), ("office", "work")}


def test_columns_of_the_set_are_levels(folder):
    names = [("bird", "owl", "barn owl"), ("bird", "jay", ""), ("fish", "cod", "")]
    draw = np.random.default_rng(0)
    with (folder / "levels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "family", "species", "wing", "beak"])
        for i in range(60):
            writer.writerow([*names[i % 3], *(draw.normal(size=2) + 3 * (i % 3)).tolist()])
    levels = ("--level", "order", "--level", "family", "--level", "species")
    done = falcon("train-classifier", folder / "levels.csv", "--out", folder / "deep", *levels)
    assert done.code == 0 and "3 leaves in 3 levels" in done.out, done.err
    card = HierarchicalClassifier.load(folder / "deep").card_
    assert card["trained_on"]["rows_by_label_depth"] == [0, 0, 40, 20]
    assert card["data_set"]["features"] == ["wing", "beak"]
    wrong = falcon("train-classifier", folder / "levels.csv", "--out", "none", "--level", "kind")
    assert wrong.code == 2 and "'kind'" in wrong.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--labels", "short.csv", "--level", "coarse"), "found --labels and --level"),
        (("--labels", "short.csv"), "180 rows of labels in short.csv"),
        (("--labels", "short.csv", "--result", "nowhere"), "found --labels and --result"),
        (("--test-share", "1"), "--test-share in"),
        (("--loss", "hccf"), "text embeddings"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(folder, monkeypatch, arguments, words):
    monkeypatch.chdir(folder)
    (folder / "short.csv").write_text("top\nbanking\n")
    done = falcon("train-classifier", "set.npz", "--out", "none", *arguments)
    assert done.code == 2 and words in done.err
    assert not (folder / "none").exists()


def test_other_features_and_a_lonely_threshold_are_refused(folder, model):
    with np.load(folder / "set.npz", allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    np.savez(folder / "narrow.npz", **{**arrays, "x": arrays["x"][:, :5]})
    done = falcon("classify", folder / "model", folder / "narrow.npz", "--out", folder / "c.csv")
    assert done.code == 2 and "vectors of 64 numbers" in done.err
    lonely = falcon(
        *("classify", folder / "model", folder / "set.npz", "--out", folder / "c.csv"),
        *("--threshold", "0.5"),
    )
    assert lonely.code == 2 and "give both" in lonely.err


def test_advice_on_a_set_with_fine_labels(folder):
    done = falcon("advise", folder / "set.npz", "--hidden", "0", "--folds", "2", "--json")
    assert done.code == 0, done.err
    assert done.json["labels"] == "fine labels"
    assert done.json["verdict"]["word"] in ("helps", "does not", "cannot tell")
    assert set(done.json["per_class"]) == {"banking", "travel", "work"}


def test_discovered_classes_are_labels(requests, result, tmp_path):
    trained = falcon(
        *("train-classifier", requests, "--result", result, "--out", tmp_path / "model"),
        *("--test-share", "0"),
    )
    assert trained.code == 0, trained.err
    tree = HierarchicalClassifier.load(tmp_path / "model").tree_
    assert {path[0] for path in tree.to_paths()} == {"banking", "travel", "work"}
    assert all(path[1].startswith("class ") for path in tree.to_paths())


def test_a_discovery_in_other_samples_is_refused(folder, result, tmp_path):
    with np.load(folder / "set.npz", allow_pickle=False) as data:
        np.savez(tmp_path / "part.npz", **{name: data[name][::2] for name in data.files})
    done = falcon(
        *("train-classifier", tmp_path / "part.npz", "--result", result),
        *("--out", tmp_path / "model"),
    )
    assert done.code == 2 and "the discovery of these 90 samples" in done.err
