"""`falcon train-classifier --train-encoder` from images to a file that classifies new ones."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from tests.cli.conftest import falcon
from tests.supervised import marks

N = 96
SETTINGS = """
[encoder.moco]
epochs = 1
batch_size = 32
projector_width = 16
predictor_width = 16
embedding_dim = 8

[joint]
epochs = 3
batch_size = 32
"""


def save(path, n, seed, *, labelled):
    names = [np.array(column) for column in zip(*marks.paths(n), strict=True)]
    labels = dict(zip(("coarse", "fine"), names, strict=True)) if labelled else {}
    np.savez(path, x=marks.pixels(n, seed), **labels)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("encoder")
    save(made / "set.npz", N, 0, labelled=True)
    save(made / "new.npz", 20, 1, labelled=False)
    (made / "short.toml").write_text(SETTINGS)
    return made


def train(folder, out, *more):
    settings = ("--config", folder / "short.toml", "--encoder", "moco", "--device", "cpu")
    return falcon("train-classifier", folder / "set.npz", "--out", out, *settings, *more)


def test_new_images_go_through_the_trained_encoder(folder):
    trained = train(folder, folder / "model", "--train-encoder", "--json")
    assert trained.code == 0, trained.err
    assert "train encoder" in trained.err and not (folder / ".model.work").exists()
    assert trained.json["training"]["encoder"]["epochs"] == 3
    model = HierarchicalClassifier.load(folder / "model")
    assert b'"joint"' in model.encoder_files_["encoder.json"]
    done = falcon("classify", folder / "model", folder / "new.npz", "--out", folder / "new.csv")
    assert done.code == 0, done.err
    assert len(list(csv.DictReader((folder / "new.csv").read_text().splitlines()))) == 20


def test_an_interrupted_training_goes_on_to_the_same_classifier(folder, monkeypatch):
    assert train(folder, folder / "whole", "--train-encoder", "--quiet").code == 0
    with monkeypatch.context() as patch:
        patch.setattr(HierarchicalClassifier, "save", _interrupted)
        cut = train(folder, folder / "cut", "--train-encoder", "--quiet")
    assert cut.code == 130 and "--resume goes on" in cut.err
    assert (folder / ".cut.work" / "classifier" / "train-encoder").is_dir()
    again = train(folder, folder / "cut", "--train-encoder", "--resume", "--quiet")
    assert (again.code, again.out, again.err) == (0, "", "")
    cards = [HierarchicalClassifier.load(folder / name).card_ for name in ("cut", "whole")]
    assert cards[0] == cards[1]  # the sha256 of the encoder's weights and held-out figures in them
    assert not (folder / ".cut.work").exists()


def _interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("encoder", ["pixels", "onnx:some.onnx", "none"])
def test_encoders_that_cannot_be_trained_are_one_sentence(folder, encoder):
    done = falcon(
        *("train-classifier", folder / "set.npz", "--out", folder / "none", "--train-encoder"),
        *("--encoder", encoder),
    )
    assert done.code == 2 and f"found '{encoder}' on images" in done.err
    assert not (folder / "none").exists()


def test_vectors_and_texts_have_no_encoder_to_train(folder, requests, tmp_path):
    (tmp_path / "texts.csv").write_text("text,coarse,fine\n" + "lost card,card,lost\n" * 8)
    for source, kind in ((requests, "vectors"), (tmp_path / "texts.csv", "texts")):
        done = falcon("train-classifier", source, "--out", tmp_path / "none", "--train-encoder")
        assert done.code == 2 and f"on {kind}" in done.err, done.err


def test_the_work_of_vectors_is_not_kept(requests, tmp_path):
    done = falcon("train-classifier", requests, "--out", tmp_path / "model", "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
