"""Classifiers and advice of images and texts: the encoder of their settings, made once, kept."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.settings import Settings
from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, METRICS
from falcon_svc.worker.kinds import make
from tests.encoder.test_text import onnx_folder
from tests.supervised.test_encoding import write_texts
from tests.worker.test_kinds import QUICK, Stop, Told, order

OF_TEXTS = {"encoder": {"name": "text:mine"}}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("models")
    onnx_folder(folder / "mine")
    return Settings(encoder_files=folder)


@pytest.fixture
def texts(tmp_path):
    return write_texts(tmp_path / "texts.csv", 60, labelled=True)


@pytest.fixture
def images(tmp_path):
    rng, fine = np.random.default_rng(0), np.arange(60) % 4
    pixels = rng.integers(0, 60, (60, 8, 8), np.uint8)
    for place in range(4):
        pixels[fine == place, 2 * place : 2 * place + 2] += 150
    names = {"coarse": np.array(["land", "sea"])[fine // 2], "fine": np.array(list("abcd"))[fine]}
    np.savez(tmp_path / "images.npz", x=pixels, **names)
    return tmp_path / "images.npz"


@pytest.mark.parametrize(
    ("kind", "stop_at"), [(CLASSIFIER, ("measure", 2)), (ADVICE, ("advise", 1))]
)
def test_texts_are_encoded_once_and_what_was_stopped_ends_the_same(
    kind, stop_at, models, texts, tmp_path
):
    def asked(folder, told):
        given = {**QUICK[kind], **OF_TEXTS}
        return replace(order(texts, tmp_path / folder, given, told), settings=models)

    stopped, again = Told(stop_at), Told()
    whole = make(kind, asked("whole", Told()))
    with pytest.raises(Stop):
        make(kind, asked("cut", stopped))
    made = make(kind, asked("cut", again))
    assert ("features", 60) in stopped.steps
    assert not [step for step in again.steps if step[0] == "features"]
    for file in whole.folder.iterdir():
        assert (made.folder / file.name).read_bytes() == file.read_bytes()
    assert [one["name"] for one in made.summary["stages"]][:2] == ["encoder", "features"]


def test_the_card_knows_the_encoder_by_its_clients_name_alone(models, texts, tmp_path):
    asked = order(texts, tmp_path / "w", {**QUICK[CLASSIFIER], **OF_TEXTS}, Told())
    made = make(CLASSIFIER, replace(asked, settings=models))
    card = json.loads((made.folder / "card.json").read_text())
    assert card["encoder"]["config"]["name"] == "text:mine"
    assert str(models.encoder_files) not in json.dumps(card)
    content = (made.folder / "classifier.safetensors").read_bytes()
    assert str(models.encoder_files).encode() not in content


def test_a_classifier_of_texts_is_measured_on_others(models, texts, tmp_path):
    asked = order(texts, tmp_path / "w", {**QUICK[CLASSIFIER], **OF_TEXTS}, Told())
    made = make(CLASSIFIER, replace(asked, settings=models))
    new = write_texts(tmp_path / "new.csv", 30, labelled=True)
    told = Told()
    asked = order(new, tmp_path / "m", {"classifier": "job_x"}, told)
    found = make(METRICS, replace(asked, settings=models, source=made.folder))
    assert found.summary["full_path_accuracy"] > 0.8 and ("features", 30) in told.steps
    (models.encoder_files / "mine").rename(models.encoder_files / "gone")
    try:
        with pytest.raises(ConfigError, match="Expected an encoder among") as refused:
            make(METRICS, replace(asked, settings=models, source=made.folder))
    finally:
        (models.encoder_files / "gone").rename(models.encoder_files / "mine")
    assert refused.value.code == "bad_encoder"


def test_advice_of_images_takes_pixels_and_a_classifier_does_not(images, tmp_path):
    told = Told()
    made = make(ADVICE, order(images, tmp_path / "a", QUICK[ADVICE], told))
    assert made.summary["labels"] == "fine labels" and ("features", 60) in told.steps
    with pytest.raises(ConfigError, match="applied to new images") as refused:
        make(CLASSIFIER, order(images, tmp_path / "c", QUICK[CLASSIFIER], Told()))
    assert refused.value.code == "bad_encoder"


MOCO = {"name": "moco", "side": 8, "moco": {"epochs": 1, "batch_size": 30}}
TRAINED = {
    **{**QUICK[CLASSIFIER], "encoder": MOCO, "test_share": 0.2, "device": "cpu"},
    "joint": {"train_encoder": True, "epochs": 3, "batch_size": 20, "encoder_rate": 1.0},
}


@pytest.mark.parametrize("stop_at", [("measure encoder", 2), ("train encoder", 1)])
def test_an_encoder_that_is_trained_too_goes_on_and_is_kept(stop_at, images, tmp_path):
    stopped, again = Told(stop_at), Told()
    whole = make(CLASSIFIER, order(images, tmp_path / "whole", TRAINED, Told()))
    with pytest.raises(Stop):
        make(CLASSIFIER, order(images, tmp_path / "cut", TRAINED, stopped))
    made = make(CLASSIFIER, order(images, tmp_path / "cut", TRAINED, again))
    assert again.steps[0] == (stop_at[0], stop_at[1] + 1)
    stages = [one["name"] for one in whole.summary["stages"]]
    assert stages[-4:] == ["measure", "measure encoder", "train", "train encoder"]
    files = [one.folder / "classifier.safetensors" for one in (whole, made)]
    models = [HierarchicalClassifier.load(file) for file in files]
    assert models[0].card_ == models[1].card_
    assert models[0].card_["training"]["encoder"]["epochs"] == 3


def test_after_an_attempt_that_lacked_memory_batches_are_halved_anew(images, tmp_path):
    """Checkpoints of the larger batches belong to another training."""
    with pytest.raises(Stop):
        make(CLASSIFIER, order(images, tmp_path / "c", TRAINED, Told(("train encoder", 1))))
    asked = order(images, tmp_path / "c", TRAINED, Told())
    made = make(CLASSIFIER, replace(asked, earlier=["out_of_memory", "worker_lost"]))
    card = json.loads((made.folder / made.last).read_text())
    assert card["training"]["encoder"]["batch_size"] == 10
    assert card["encoder"]["config"]["moco"]["batch_size"] == 15


def test_only_images_have_an_encoder_to_train(texts, tmp_path):
    given = {"encoder": {"name": "moco"}, "joint": {"train_encoder": True}}
    with pytest.raises(ConfigError, match="found 'moco' on texts") as refused:
        make(CLASSIFIER, order(texts, tmp_path / "c", given, Told()))
    assert refused.value.code == "bad_encoder"


def test_a_network_of_the_settings_is_trained_and_kept_in_the_file(images, tmp_path):
    stopped, again, given = Told(("train", 1)), Told(), {**QUICK[CLASSIFIER], "encoder": MOCO}
    with pytest.raises(Stop):
        make(CLASSIFIER, order(images, tmp_path / "c", given, stopped))
    made = make(CLASSIFIER, order(images, tmp_path / "c", given, again))
    assert [s for s in stopped.steps if s[0] == "pretraining"]
    assert not [s for s in again.steps if s[0] in ("pretraining", "features")]
    model = HierarchicalClassifier.load(made.folder / "classifier.safetensors")
    assert set(model.encoder_files_) == {"encoder.json", "encoder.safetensors"}
