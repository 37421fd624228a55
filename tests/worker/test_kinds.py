"""The work of each kind of job without a service: stopped half-way, gone on with, never twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.api import schemas
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.classifier import RULES, HierarchicalClassifier
from falcon_svc.hierarchy.losses import LOSSES
from falcon_svc.service import kinds as service_kinds
from falcon_svc.settings import Settings
from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, KINDS
from falcon_svc.supervised import config
from falcon_svc.worker.kinds import Order, make
from tests.encoder.test_text import onnx_folder

QUICK = {CLASSIFIER: {"epochs": 4}, ADVICE: {"hidden": [0], "folds": 2}}


class Stop(Exception):
    """What a test stops the work with."""


class Told:
    """Progress as it was told; it stops the work at one of its steps."""

    def __init__(self, stop_at=None):
        self.stop_at, self.steps = stop_at, []

    def stage(self, name, total):
        self.name = name

    def advance(self, done, metrics):
        self.steps.append((self.name, done))
        if (self.name, done) == self.stop_at:
            raise Stop


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    fine = np.arange(80) % 4
    path = tmp_path / "data.npz"
    names = {"coarse": np.array(["land", "sea"])[fine // 2], "fine": np.array(list("abcd"))[fine]}
    np.savez(path, x=np.eye(4)[fine] + 0.2 * rng.normal(size=(80, 4)), **names)
    return path


def order(data, folder, given, told, **options):
    folder.mkdir(exist_ok=True)
    place = Path(data), "birds.npz", None, {}, [], lambda: folder
    return Order(Settings(), given, options, *place, told)


@pytest.mark.parametrize(
    ("kind", "stop_at", "goes_on"),
    [
        (CLASSIFIER, ("measure", 2), ("measure", 3)),
        (CLASSIFIER, ("train", 3), ("train", 4)),
        (ADVICE, ("advise", 2), ("advise", 3)),
    ],
)
def test_what_was_stopped_goes_on_and_ends_the_same(kind, stop_at, goes_on, data, tmp_path):
    stopped, again = Told(stop_at), Told()
    whole = make(kind, order(data, tmp_path / "whole", QUICK[kind], Told()))
    with pytest.raises(Stop):
        make(kind, order(data, tmp_path / "cut", QUICK[kind], stopped))
    made = make(kind, order(data, tmp_path / "cut", QUICK[kind], again))
    assert stopped.steps[-1] == stop_at and again.steps[0] == goes_on
    names = sorted(path.name for path in whole.folder.iterdir())
    assert names == sorted(path.name for path in made.folder.iterdir()) and made.last in names
    for name in names:
        assert (made.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    timed = ("seconds", "stages")
    assert {k: v for k, v in made.summary.items() if k not in timed} == {
        k: v for k, v in whole.summary.items() if k not in timed
    }


def test_a_finished_result_is_written_again_at_no_cost(data, tmp_path):
    """An attempt may end between its last step and its publication."""
    first = make(CLASSIFIER, order(data, tmp_path / "w", QUICK[CLASSIFIER], Told()))
    before = (first.folder / "classifier.safetensors").read_bytes()
    told = Told()
    again = make(CLASSIFIER, order(data, tmp_path / "w", QUICK[CLASSIFIER], told))
    assert told.steps == []
    assert (again.folder / "classifier.safetensors").read_bytes() == before


def test_the_card_and_the_advice_are_json_that_anybody_reads(data, tmp_path):
    made = make(CLASSIFIER, order(data, tmp_path / "c", QUICK[CLASSIFIER], Told()))
    model = HierarchicalClassifier.load(made.folder / "classifier.safetensors")
    assert json.loads((made.folder / made.last).read_text()) == model.card_
    made = make(ADVICE, order(data, tmp_path / "a", QUICK[ADVICE], Told()))
    text = (made.folder / made.last).read_text()
    assert "NaN" not in text and json.loads(text)["verdict"]["word"] == made.summary["verdict"]


def test_settings_of_the_classifier_reach_it(data, tmp_path):
    given = {"loss": "hce", "hidden": 5, "epochs": 3, "batch_size": 9, "learning_rate": 0.01,
             "weight_decay": 0.2, "inference": "threshold", "threshold": 0.7, "seed": 4,
             "test_share": 0.0}  # fmt: skip
    made = make(CLASSIFIER, order(data, tmp_path / "c", given, Told()))
    model = HierarchicalClassifier.load(made.folder / "classifier.safetensors")
    found = model.get_params()
    for name, value in given.items():
        if name not in ("threshold", "seed", "test_share"):
            assert found[name] == value, name
    assert found["inference_options"] == {"threshold": 0.7} and found["random_state"] == 4
    assert "held_out" not in model.card_["metrics"] and made.summary["leaf_top1"] is None


TEXTS = {name: np.eye(6)[i].tolist() for i, name in enumerate(("land", "sea", *"abcd"))}


def test_hccf_takes_the_texts_of_its_settings(data, tmp_path):
    given = {"loss": "hccf", "texts": TEXTS, "epochs": 4}
    made = make(CLASSIFIER, order(data, tmp_path / "c", given, Told()))
    model = HierarchicalClassifier.load(made.folder / "classifier.safetensors")
    [kept] = [v for name, v in model.weights_.items() if name.endswith("texts")]
    assert np.allclose(kept[1:], [TEXTS[name] for name in model.tree_.names[1:]])
    assert made.summary["leaf_top1"] > 0.8
    lacking = {"loss": "hccf", "texts": {"land": [1.0, 0.0]}, "epochs": 4}
    with pytest.raises(InputError, match="text embedding for every class, found none for"):
        make(CLASSIFIER, order(data, tmp_path / "d", lacking, Told()))


def test_hccf_embeds_the_names_by_an_encoder_of_the_operators(data, tmp_path):
    pytest.importorskip("onnxruntime")
    onnx_folder(tmp_path / "mine")
    given = {"loss": "hccf", "text_encoder": "text:mine", "epochs": 4}
    asked = order(data, tmp_path / "c", given, Told())
    made = make(CLASSIFIER, replace(asked, settings=Settings(encoder_files=tmp_path)))
    model = HierarchicalClassifier.load(made.folder / "classifier.safetensors")
    assert any(name.endswith("texts") for name in model.weights_)


def test_embeddings_of_a_job_are_limited():
    many = {f"class {i}": [0.5] * 1000 for i in range(251)}
    with pytest.raises(ConfigError, match="at most 250,000 numbers, found 251,000"):
        config.make(config.ClassifierConfig, {"loss": "hccf", "texts": many})


def test_vectors_that_reading_changes_are_refused(data, tmp_path):
    with pytest.raises(InputError, match="as they are stored, found vectors that reading scales"):
        make(CLASSIFIER, order(data, tmp_path / "c", {}, Told(), scale="standard"))


def test_a_wrong_fine_column_is_no_reason_for_stand_ins(data, tmp_path):
    rows = np.load(data, allow_pickle=False)
    np.savez(data, **{**rows, "fine": np.array(["a|b", *rows["fine"][1:]])})
    with pytest.raises(InputError, match="one class per sample in 'fine'"):
        make(ADVICE, order(data, tmp_path / "a", QUICK[ADVICE], Told()))


def test_the_lists_of_kinds_losses_and_rules_agree():
    def values(literal):
        return set(literal.__args__)

    assert set(KINDS) == set(service_kinds.KINDS) == values(schemas.Kind)
    assert values(config.LossName) == set(LOSSES)
    assert values(config.RuleName) == set(RULES)
