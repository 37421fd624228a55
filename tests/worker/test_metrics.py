"""The work of metrics without a service: figures of the library, stopped half-way, gone on with."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.classifier.decide import decide
from falcon_svc.hierarchy.evaluation import evaluate_predictions, evaluate_scores
from falcon_svc.hierarchy.inference import bottom_up
from falcon_svc.storage.kinds import CLASSIFIER, METRICS
from falcon_svc.supervised import measuring
from falcon_svc.worker.kinds import Beside, make
from tests.worker.test_kinds import Stop, Told, order

FINE = np.arange(80) % 4
PATHS = [(("land", "sea")[k // 2], "abcd"[k]) for k in FINE]
TREE = Tree.from_paths(PATHS)
PATHS_OF_TREE = [list(path) for path in TREE.to_paths()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, and a classifier that was trained on it."""
    folder = tmp_path_factory.mktemp("metrics")
    x = np.eye(4)[FINE] + 0.4 * np.random.default_rng(0).normal(size=(80, 4))
    coarse, fine = np.array(PATHS).T
    np.savez(folder / "data.npz", x=x, coarse=coarse, fine=fine)
    given = {"epochs": 4, "test_share": 0.0}
    made = make(CLASSIFIER, order(folder / "data.npz", folder / "work", given, Told()))
    made.folder.rename(folder / "classifier")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return HierarchicalClassifier.load(folder / "classifier" / "classifier.safetensors")


def measured(data, work, given, told=None, **more):
    """The work's result, and its document."""
    options = more.pop("options", {})
    asked = replace(order(data, work, given, told or Told(), **options), **more)
    made = make(METRICS, asked)
    return made, json.loads((made.folder / made.last).read_text())


def scores_of(folder, model):
    return model.node_proba(np.load(folder / "data.npz")["x"].astype(np.float32))


def test_probabilities_of_a_classifier_are_measured(folder, model, tmp_path):
    source = {"source": folder / "classifier"}
    made, found = measured(folder / "data.npz", tmp_path, {"classifier": "job_x"}, **source)
    scores = scores_of(folder, model).astype(np.float32)
    assert found["figures"] == evaluate_scores(PATHS, scores, tree=TREE)
    assert (found["n_samples"], found["n_unlabelled"], found["n_left_out"]) == (80, 0, 0)
    assert [one["name"] for one in made.summary["stages"]] == ["scores", "figures"]
    assert made.summary["full_path_accuracy"] == found["figures"]["full_path_accuracy"] < 1
    assert "What caution buys" in (made.folder / "report.html").read_text("utf-8")


def test_what_an_inference_chooses_is_measured(folder, model, tmp_path, monkeypatch):
    monkeypatch.setattr(measuring, "CELLS_AT_ONCE", 7 * TREE.n_nodes)  # in pieces
    given = {"classifier": "job_x", "inference": "threshold", "threshold": 0.8}
    source = {"source": folder / "classifier"}
    _, found = measured(folder / "data.npz", tmp_path, given, **source)
    nodes = decide("threshold", scores_of(folder, model), TREE, {"threshold": 0.8})
    assert found["figures"] == evaluate_predictions(PATHS, nodes, tree=TREE)
    assert (TREE.depths[nodes] < 2).any()


@pytest.mark.parametrize(
    ("stop_at", "goes_on"),
    [(("scores", 40), ("scores", 40)), (("figures", 2), ("figures", 3))],
)
def test_what_was_stopped_goes_on_and_ends_the_same(
    folder, tmp_path, monkeypatch, stop_at, goes_on
):
    """Of probabilities the last piece is made again: a loss of power may have cut it."""
    monkeypatch.setattr(measuring, "CELLS_AT_ONCE", 20 * TREE.n_nodes)
    stopped, again, data = Told(stop_at), Told(), folder / "data.npz"
    given, source = {"classifier": "job_x"}, {"source": folder / "classifier"}
    whole, _ = measured(data, tmp_path / "whole", given, **source)
    with pytest.raises(Stop):
        measured(data, tmp_path / "cut", given, stopped, **source)
    made, _ = measured(data, tmp_path / "cut", given, again, **source)
    name = stop_at[0]
    assert stopped.steps[-1] == stop_at
    assert next(step for step in again.steps if step[0] == name) == goes_on
    for file in ("metrics.json", "report.html"):
        assert (made.folder / file).read_bytes() == (whole.folder / file).read_bytes()


LABELS = "id,order,kind\n" + "".join(f"s{i},{a},{b}\n" for i, (a, b) in enumerate(PATHS[:20]))
PREDICTED = "id,level_1,level_2,depth\n" + "".join(
    f"s{i},{a},{b if i % 3 else ''},2\n" for i, (a, b) in reversed(list(enumerate(PATHS[:24])))
)


def test_paths_are_joined_by_their_ids(tmp_path):
    truth, predicted = tmp_path / "data.csv", tmp_path / "predicted.csv"
    truth.write_text(LABELS + "s20,,\n")
    predicted.write_text(PREDICTED)
    given = {"predictions": "ds_x", "tree": PATHS_OF_TREE}
    beside = {"beside": Beside(predicted, "predicted.csv", {}), "options": {"samples": "labels"}}
    made, found = measured(truth, tmp_path, given, **beside)
    wanted = [(a, b if i % 3 else "") for i, (a, b) in enumerate(PATHS[:20])]
    assert found["figures"] == evaluate_predictions(PATHS[:20], wanted, tree=TREE)
    assert (found["n_samples"], found["n_unlabelled"], found["n_left_out"]) == (20, 1, 4)
    assert made.summary["hierarchical_f"] == found["figures"]["hierarchical_f"]


def test_labels_may_be_those_of_a_data_set_of_samples(folder, tmp_path):
    predicted = tmp_path / "predicted.csv"
    rows = "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(PATHS))
    given, beside = {"predictions": "ds_x", "tree": PATHS_OF_TREE}, Beside(predicted, "p", {})
    for head, content in (
        ("id,level_1,level_2\n", rows),
        ("level_1,level_2\n", "".join(f"{a},{b}\n" for a, b in PATHS)),
    ):
        predicted.write_text(head + content)
        _, found = measured(folder / "data.npz", tmp_path / "w", given, beside=beside)
        assert found["figures"]["full_path_accuracy"] == 1 and found["n_samples"] == 80


def test_the_vectors_of_a_data_set_are_probabilities(folder, model, tmp_path):
    scores, (coarse, fine) = scores_of(folder, model).astype(np.float32), np.array(PATHS).T
    fine = np.where(np.arange(80) < 5, "", fine)
    coarse = np.where(np.arange(80) < 3, "", coarse)
    truth = [(a, b) for a, b in zip(coarse, fine, strict=True) if a]
    leaves = scores[:, TREE.leaves]
    for columns, all_nodes in ((scores, scores), (leaves, bottom_up(leaves, tree=TREE))):
        expected = evaluate_scores(truth, all_nodes[3:], tree=TREE)
        np.savez(tmp_path / "scores.npz", x=columns, coarse=coarse, fine=fine)
        _, found = measured(tmp_path / "scores.npz", tmp_path / f"{columns.shape[1]}",
                            {"tree": PATHS_OF_TREE})  # fmt: skip
        assert found["figures"] == pytest.approx(expected, rel=1e-5)
        assert (found["n_samples"], found["n_unlabelled"]) == (77, 3)


def test_what_does_not_fit_is_refused_in_words(folder, tmp_path):
    data = folder / "data.npz"
    with pytest.raises(InputError, match="of 3 nodes or 2 leaves, found vectors of 4 numbers"):
        measured(data, tmp_path, {"tree": [["land"], ["sea"]]})
    two_more = [*PATHS_OF_TREE, ["air", "e"], ["air", "f"]]
    with pytest.raises(InputError, match="found vectors of 4 numbers in birds"):
        measured(data, tmp_path, {"tree": two_more})
    four = [["land", name] for name in "abcd"]
    with pytest.raises(InputError, match="sea"):
        measured(data, tmp_path, {"tree": four})
    with pytest.raises(InputError, match="labels alone"):
        measured(data, tmp_path, {"tree": four}, options={"samples": "labels"})
    empty = tmp_path / "data.csv"
    empty.write_text("id,order\n1,\n2,\n")
    beside = Beside(empty, "p", {})
    given = {"predictions": "ds_x", "tree": four}
    with pytest.raises(InputError, match="Expected labels to measure by") as refused:
        measured(empty, tmp_path, given, beside=beside, options={"samples": "labels"})
    assert refused.value.code == "no_data"
