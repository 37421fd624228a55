"""Classifiers of images and texts: the encoder stays with them, new samples go through it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.encoder import EncoderConfig, EncoderRun
from falcon_svc.errors import ConfigError, InputError, StorageError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.supervised.encoding import (
    embed_names,
    encode_like,
    encode_samples,
    new_samples,
)
from falcon_svc.supervised.training import identity, train_on
from tests.cli.conftest import falcon
from tests.data.builders import write_npz
from tests.encoder import tiny
from tests.encoder.test_moco_encoder import images, run
from tests.encoder.test_text import WORDS, onnx_folder


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def of_images(tmp_path_factory):
    """A classifier of drawings whose network was trained on them, saved and loaded."""
    folder = tmp_path_factory.mktemp("images")
    data = images(folder)
    encoded = encode_samples(data, run())
    names = [(f"family {k % 2}", f"kind {k}") for k in data.coarse.labels.tolist()]
    model = HierarchicalClassifier(random_state=0)
    train_on(model, encoded.vectors, names, test_share=0)
    encoded.keep_in(model)
    model.card_["data_set"] = identity(data, "set.npz")
    model.save(folder / "model")
    return folder, data, model, encoded


def test_the_network_is_in_the_file_and_makes_the_same_vectors(of_images):
    folder, data, model, encoded = of_images
    loaded = HierarchicalClassifier.load(folder / "model")
    assert set(loaded.encoder_files_) == {"encoder.json", "encoder.safetensors"}
    assert loaded._to_bytes() == model._to_bytes()
    assert np.array_equal(encode_like(loaded, data, "set.npz"), encoded.vectors)


def test_new_images_without_labels_are_classified(of_images, tmp_path):
    folder, _, model, encoded = of_images
    pixels, _ = tiny.drawings(48)
    new = write_npz(tmp_path, x=pixels[:, 0], coarse=None, fine=None)
    assert len(new_samples(model, new)) == 48
    done = falcon("classify", folder / "model", new, "--out", tmp_path / "out.csv")
    assert done.code == 0, done.err
    found = [[row["level_1"], row["level_2"]] for row in rows_of(tmp_path / "out.csv")]
    assert found == model.predict(encoded.vectors).tolist()


def test_samples_of_another_kind_are_refused(of_images, tmp_path):
    _, _, model, _ = of_images
    vectors = write_npz(tmp_path, x=np.eye(6, dtype=np.float32), coarse=None, fine=None)
    with pytest.raises(InputError, match=r"Expected images, as .* found vectors"):
        encode_like(model, new_samples(model, vectors), "x.npz")


def test_files_of_other_names_are_never_written(of_images):
    _, data, model, _ = of_images
    hostile = HierarchicalClassifier()
    hostile._from_bytes(model._to_bytes(), where="memory")
    hostile.encoder_files_ = {"../encoder.json": b"{}"}
    with pytest.raises(StorageError, match="found others"):
        encode_like(hostile, data, "set.npz")


def test_components_of_pixels_belong_to_their_images(of_images):
    _, data, _, _ = of_images
    with pytest.raises(ConfigError, match="applied to new images"):
        encode_samples(data, EncoderRun(EncoderConfig()))


def write_texts(path: Path, n: int, *, labelled: bool) -> Path:
    """Requests about cards, lost or frozen, and about accounts."""
    about = (("card", "lost"), ("card", "freeze"), ("account", "balance"))
    draw = np.random.default_rng(n)
    lines = []
    for i in range(n):
        top, below = about[i % 3]
        words = [top, below, below, *draw.choice(WORDS[:2], 2)]
        label = f",{top},{below}" if labelled else ""
        lines.append(f"t{i},{' '.join(draw.permutation(words))}{label}")
    head = "id,text,coarse,fine" if labelled else "id,text"
    path.write_text("\n".join([head, *lines]), "utf-8")
    return path


@pytest.fixture(scope="module")
def of_texts(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("texts")
    encoder = f"text:{onnx_folder(folder / 'sentences')}"
    train = write_texts(folder / "train.csv", 60, labelled=True)
    done = falcon("train-classifier", train, "--encoder", encoder, "--out", folder / "model")
    assert done.code == 0, done.err
    return folder, encoder


def test_new_texts_are_classified_by_the_same_encoder(of_texts, tmp_path):
    folder, _ = of_texts
    new = write_texts(tmp_path / "new.csv", 30, labelled=False)
    done = falcon("classify", folder / "model", new, "--out", tmp_path / "out.csv")
    assert done.code == 0, done.err
    rows = rows_of(tmp_path / "out.csv")
    assert [row["id"] for row in rows] == [f"t{i}" for i in range(30)]
    found = [row["level_2"] for row in rows]
    wanted = [("lost", "freeze", "balance")[i % 3] for i in range(30)]
    assert np.mean(np.array(found) == wanted) > 0.9


def test_another_sentence_model_under_the_name_is_refused(of_texts, tmp_path):
    folder, _ = of_texts
    limits = folder / "sentences" / "tokenizer_config.json"
    earlier = limits.read_text("utf-8")
    limits.write_text('{"model_max_length": 4}')
    new = write_texts(tmp_path / "new.csv", 30, labelled=False)
    done = falcon("classify", folder / "model", new, "--out", tmp_path / "out.csv")
    limits.write_text(earlier)
    assert done.code == 2 and "found other files under its name" in done.err


def test_class_names_are_embedded_for_hccf(of_texts, tmp_path):
    folder, encoder = of_texts
    trained = falcon(
        *("train-classifier", folder / "train.csv", "--encoder", encoder, "--loss", "hccf"),
        *("--texts", encoder, "--out", tmp_path / "model"),
    )
    assert trained.code == 0, trained.err
    model = HierarchicalClassifier.load(tmp_path / "model")
    [texts] = [v for name, v in model.weights_.items() if name.endswith("texts")]
    names = embed_names(model.tree_.names, EncoderRun(EncoderConfig(name=encoder)))
    wanted = np.stack([names[name] for name in model.tree_.names])[1:]
    assert np.allclose(texts[1:], wanted, atol=1e-6)


def test_equal_names_share_an_embedding_and_underscores_are_spaces(of_texts):
    _, encoder = of_texts
    run_texts = EncoderRun(EncoderConfig(name=encoder))
    found = embed_names(["lost_card", "card", "card", "lost card"], run_texts)
    assert list(found) == ["lost_card", "card", "lost card"]
    assert np.allclose(found["lost_card"], found["lost card"])


def test_labels_are_joined_by_id(of_texts, tmp_path):
    folder, encoder = of_texts
    lines = [f"t{i},card,{'lost' if i % 3 == 0 else 'freeze'}" for i in range(40, -1, -1)]
    (tmp_path / "labels.csv").write_text("id,top,below\n" + "\n".join([*lines, "t900,card,lost"]))
    command = ("train-classifier", folder / "train.csv", "--encoder", encoder, "--test-share", "0")
    trained = falcon(
        *command, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "model", "--json"
    )
    assert trained.code == 0, trained.err
    assert trained.json["trained_on"]["rows_without_label"] == 19
    assert "1 labels in labels.csv are of no sample" in trained.err
    (tmp_path / "labels.csv").write_text("id,top\nx1,card\n")
    refused = falcon(*command, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "none")
    assert refused.code == 2 and "Expected ids of the samples in labels.csv" in refused.err
