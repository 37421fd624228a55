"""A classifier trained with its encoder: it moves, helps, resumes, and stays in the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.encoder import EncoderConfig, EncoderRun
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.errors import ConfigError, StorageError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.classifier.further import Scaled
from falcon_svc.hierarchy.classifier.record import head_of
from falcon_svc.hierarchy.losses import LOSSES
from falcon_svc.joint import JointConfig
from falcon_svc.joint.classifier import Classifier
from falcon_svc.joint.image_samples import ImageSamples
from falcon_svc.progress import Silent
from falcon_svc.supervised import encode_like, new_samples, train_classifier
from falcon_svc.supervised.joint import train_encoder_too
from falcon_svc.supervised.training import train_on
from tests.encoder import tiny
from tests.supervised import marks

N = 160
NAMES = ("line", "lying", "standing", "closed", "ring", "block")
TEXTS = dict(zip(NAMES, np.random.default_rng(1).normal(size=(6, 5)), strict=True))


class Stop(Exception):
    """What a test stops a run with."""


class StopAt:
    """Progress that stops the run once so much of a stage is done."""

    def __init__(self, stage: str, done: int) -> None:
        self.wanted, self.now, self.seen = (stage, done), "", []

    def stage(self, name, total):
        self.now = name
        self.seen.append(name)

    def advance(self, done, metrics):
        if (self.now, done) == self.wanted:
            raise Stop


def classifier(loss="hace", **settings):
    texts = TEXTS if loss == "hccf" else None
    return HierarchicalClassifier(loss, epochs=4, texts=texts, random_state=3, **settings)


@pytest.fixture(scope="module")
def frozen():
    return marks.training_images(N)


def fitted(vectors, loss="hace", **settings):
    return classifier(loss, **settings).fit(vectors, marks.paths(N))


def further(model, images, **options):
    nodes = model.tree_.encode(marks.paths(N))
    return train_encoder_too(model, images, np.arange(N), nodes, **options)


def state(encoder):
    return {name: value.clone() for name, value in encoder.network.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_first_scores_are_those_of_the_frozen_head(frozen):
    images, vectors = frozen
    model = fitted(vectors)
    head, loss = head_of(model, model.weights_, torch.Generator())
    student = Classifier(images.encoder.network, Scaled(model), head).eval()
    with torch.inference_mode():
        found = loss.log_prob(student(images.samples.clean(torch.arange(N)))).exp().numpy()
    assert np.allclose(found, model.node_proba(vectors), atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_moves_the_encoder_and_keeps_the_frozen_one(frozen, loss):
    images, vectors = frozen
    before, model = state(images.encoder), fitted(vectors, loss)
    short = images.config.model_copy(update={"epochs": 1})
    encoder = further(model, replace(images, config=short))
    assert same(state(images.encoder), before)
    moved = state(encoder)
    assert not torch.equal(moved["body.0.0.weight"], before["body.0.0.weight"])
    assert np.isfinite(model.loss_curve_).all() and len(model.loss_curve_) == 5
    assert np.allclose(model.node_proba(vectors)[:, 0], 1)


def test_it_learns_what_frozen_features_do_not_tell():
    """Marks lie anywhere: random convolutions and a linear head are lost on new images."""
    config = JointConfig(train_encoder=True, epochs=15, batch_size=32, encoder_rate=1.0)
    images, vectors = marks.training_images(320, config)
    new, wanted = marks.dataset(200, seed=1), marks.paths(200)
    right = {}
    for name, given in (("frozen", None), ("joint", images)):
        model = classifier()
        trained = train_on(model, vectors, marks.paths(320), test_share=0, images=given)
        encoder = trained.encoder or images.encoder
        found = np.zeros((200, encoder.dim), np.float32)
        encoder.encode(new, found, Silent())
        told = zip(model.predict(found), wanted, strict=True)
        right[name] = np.mean([tuple(path) == true for path, true in told])
    assert right["joint"] > right["frozen"] + 0.2


@pytest.mark.parametrize("loss", ["hace", "hcal", "hccf", "deep_rtc"])
def test_resuming_equals_going_on(frozen, loss, tmp_path):
    """Bit for bit: encoder, head, moments, views, and what a loss has learned of its levels."""
    images, vectors = frozen
    whole_model, cut, resumed_model = (fitted(vectors, loss) for _ in range(3))
    whole, store = state(further(whole_model, images)), CheckpointStore(tmp_path)
    with pytest.raises(Stop):
        further(cut, images, checkpoints=store, progress=StopAt("train", 2))
    resumed = state(further(resumed_model, images, checkpoints=store))
    assert same(whole, resumed)
    assert resumed_model._to_bytes() == whole_model._to_bytes()
    with pytest.raises(StorageError, match="other data, settings or seed"):
        further(fitted(vectors, loss), replace(images, seed=1), checkpoints=store)


def test_equal_seeds_give_equal_bytes_and_others_do_not(frozen):
    images, vectors = frozen
    found = [further(fitted(vectors), replace(images, seed=seed)).spec for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


def test_the_encoder_has_a_rate_of_its_own(frozen):
    images, vectors = frozen
    before, moves = state(images.encoder)["body.0.0.weight"], []
    for rate in (0.01, 1.0):
        slow = replace(images, config=images.config.model_copy(update={"encoder_rate": rate}))
        moved = state(further(fitted(vectors), slow))["body.0.0.weight"]
        moves.append((moved - before).abs().max())
    assert moves[1] > 10 * moves[0]


def test_images_without_a_label_are_passed_over(frozen):
    images, vectors = frozen
    some = [path if row % 2 else () for row, path in enumerate(marks.paths(N))]
    other = images.samples._pixels.copy()
    other[::2] = 0
    unread = replace(images, samples=ImageSamples(other, images.samples._views, "cpu"))
    found = []
    for given in (images, unread):
        model = classifier().fit(vectors, some)
        nodes = model.tree_.encode(some)
        found.append(train_encoder_too(model, given, np.arange(N), nodes).spec)
    assert found[0] == found[1]


def run_of(folder=None, told=None):
    config = EncoderConfig(name="moco", moco=tiny.config(epochs=1, batch_size=64))
    return EncoderRun(config, 0, work_dir=folder, progress=told or Silent())


def trained_on(data, run, loss="hace", **options):
    model = classifier(loss)
    options = {"test_share": 0.25, "joint": marks.JOINT, **options}
    return train_classifier(model, data, marks.paths(len(data)), run, **options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A classifier of images with its trained encoder, saved and loaded."""
    file = tmp_path_factory.mktemp("joint") / "marks.model"
    told = StopAt("", 0)
    trained = trained_on(marks.dataset(N), run_of(told=told))
    trained.model.save(file)
    return trained, HierarchicalClassifier.load(file), told


def test_the_trained_encoder_is_in_the_file_and_classifies_new_images(kept):
    trained, loaded, _ = kept
    new = new_samples(loaded, marks.pixels(40, seed=1))
    vectors = encode_like(loaded, new)
    wanted = np.zeros_like(vectors)
    trained.encoder.encode(new, wanted, Silent())
    assert np.array_equal(vectors, wanted)
    assert np.array_equal(loaded.predict(vectors), trained.model.predict(wanted))
    assert loaded.card_["encoder"]["spec"] == trained.encoder.spec


def test_card_origin_and_stages_tell_of_it(kept):
    trained, loaded, told = kept
    assert told.seen == [
        *("encoder", "pixels", "pretraining", "features", "pixels"),
        *("measure", "measure encoder", "train", "train encoder"),
    ]
    assert loaded.card_["training"]["encoder"] == marks.JOINT.model_dump(mode="json")
    assert loaded.card_["training"]["epochs"] == len(loaded.loss_curve_) == 4 + 3
    assert loaded.card_["metrics"]["held_out_rows"] == N // 4
    history = trained.encoder.origin["joint"]["history"]
    assert [row["loss"] for row in history] == loaded.loss_curve_[-3:]


@pytest.mark.parametrize(
    "stop", [("pretraining", 1), ("measure encoder", 2), ("train", 3), ("train encoder", 2)]
)
def test_a_run_that_was_stopped_anywhere_ends_at_the_same_classifier(kept, stop, tmp_path):
    """But for the seconds of pre-training, which its record tells."""
    data = marks.dataset(N)
    with pytest.raises(Stop):
        trained_on(data, run_of(tmp_path, StopAt(*stop)))
    again = trained_on(data, run_of(tmp_path))
    whole = kept[0].model
    assert again.model.card_ == whole.card_ and again.model.loss_curve_ == whole.loss_curve_
    assert all(np.array_equal(again.model.weights_[k], v) for k, v in whole.weights_.items())


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("none", "vectors", "found 'none' on vectors"),
        ("moco", "vectors", "found 'moco' on vectors"),
        ("onnx:some.onnx", "images", "found 'onnx:some.onnx' on images"),
        ("auto", "images", "found 'auto' on images"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything(name, data, words, monkeypatch):
    from falcon_svc.data import load_dataset
    from falcon_svc.supervised import training

    monkeypatch.setattr(training, "encode_samples", None)  # not reached
    given = marks.dataset(8)
    if data == "vectors":
        given = load_dataset(np.eye(8), labels={"coarse": ["a", "b"] * 4})
    with pytest.raises(ConfigError, match=words):
        trained_on(given, EncoderRun(EncoderConfig(name=name)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("loss", ["hace", "hcal", "hccf"])
def test_what_a_gpu_trained_a_cpu_predicts(loss, precision, tmp_path):
    config = JointConfig(
        train_encoder=True, epochs=12, batch_size=32, encoder_rate=1.0, precision=precision
    )
    images, vectors = marks.training_images(320, config, "cuda")
    model = classifier(loss)
    with pytest.raises(Stop):
        train_on(
            *(model, vectors, marks.paths(320)),
            test_share=0,
            images=images,
            folder=tmp_path,
            progress=StopAt("train encoder", 5),
        )
    trained = train_on(
        model, vectors, marks.paths(320), test_share=0, images=images, folder=tmp_path
    )
    assert next(trained.encoder.network.parameters()).is_cuda
    new = marks.dataset(200, seed=1)
    there = np.zeros((200, trained.encoder.dim), np.float32)
    trained.encoder.encode(new, there, Silent())
    for name, content in trained.encoder.files().items():
        (tmp_path / name).write_bytes(content)
    on_cpu = NetworkEncoder.load(tmp_path)
    here = np.zeros_like(there)
    on_cpu.encode(new, here, Silent())
    assert np.allclose(here, there, atol=1e-2 * np.abs(here).max())
    assert (model.predict(here) == model.predict(there)).all(axis=1).mean() >= 0.98
    right = [tuple(p) == w for p, w in zip(model.predict(here), marks.paths(200), strict=True)]
    assert np.mean(right) > 0.7
