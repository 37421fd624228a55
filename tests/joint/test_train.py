"""Joint training starts where the frozen head stood, moves the encoder, and resumes exactly."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from falcon_svc.discovery.training.prediction import predict
from falcon_svc.joint.classifier import Classifier, SpaceLayer
from falcon_svc.joint.config import JointConfig
from falcon_svc.joint.train import train_jointly
from tests.discovery.planted import matching
from tests.joint.planted_images import HEAD, N_FINE, frozen_start, planted_images

SHORT = JointConfig(train_encoder=True, epochs=3, batch_size=40)


class CutError(Exception):
    """Stands for a kill at the end of an epoch."""


@pytest.fixture(scope="module")
def data():
    return planted_images()


@pytest.fixture(scope="module")
def frozen(data):
    return frozen_start(data)


def run(data, frozen, config=SHORT, **options):
    start, _ = frozen
    return train_jointly(start, data.samples(), data.search, config, HEAD, seed=0, **options)


def tensors(encoder, head):
    named = {f"encoder.{k}": v for k, v in encoder.network.state_dict().items()}
    return named | head.tensors()


def test_the_first_logits_are_the_frozen_heads(data, frozen):
    start, features = frozen
    space = SpaceLayer(start.space)
    student = Classifier(start.encoder.network.eval(), space, start.head.teacher)
    found = student(data.samples().clean(torch.arange(len(features))))
    wanted = start.head.teacher(torch.from_numpy(start.space.apply(features)))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_the_encoder_learns_and_the_frozen_one_stays(data, frozen):
    start, _ = frozen
    before = copy.deepcopy(start.encoder.network.state_dict())
    encoder, head = run(data, frozen)
    assert all(torch.equal(before[k], v) for k, v in start.encoder.network.state_dict().items())
    moved = encoder.network.state_dict()
    assert not torch.equal(moved["body.0.0.weight"], before["body.0.0.weight"])
    assert encoder.spec != start.encoder.spec
    assert len(head.history) == SHORT.epochs
    assert encoder.origin["joint"]["history"] == list(head.history)


def test_planted_classes_are_kept(data, frozen):
    start, _ = frozen
    encoder, head = run(data, frozen)
    with torch.inference_mode():
        features = encoder.network(data.samples().clean(torch.arange(len(data.fine)))).numpy()
    inputs = start.space.apply(features)
    found = predict(head.teacher, inputs, (data.source,), head.relations)
    assert matching(data.fine, found.fine, N_FINE)[0] >= 0.95


@pytest.mark.parametrize("changes", [{}, {"refresh_every": 1}, {"fresh_neighbors": True}])
def test_resuming_equals_going_on(data, frozen, tmp_path, changes):
    config = SHORT.model_copy(update=changes)

    def cut(report):
        if report.epoch == 2:
            raise CutError

    with pytest.raises(CutError):
        run(data, frozen, config, work_dir=tmp_path, on_epoch=cut)
    resumed = tensors(*run(data, frozen, config, work_dir=tmp_path))
    whole = tensors(*run(data, frozen, config))
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_neighbors_are_searched_again_by_what_the_teacher_sees(data, frozen):
    calls = []

    def search(inputs):
        calls.append(inputs)
        return data.search(inputs)

    start, features = frozen
    config = SHORT.model_copy(update={"refresh_every": 2, "epochs": 5})
    train_jointly(start, data.samples(), search, config, HEAD, seed=0)
    assert len(calls) == 2  # before the third and the fifth epoch
    assert calls[0].shape == start.space.apply(features).shape
    assert not np.allclose(calls[0], calls[1])


def test_the_teacher_uses_running_statistics_and_leaves_them_alone(data, frozen):
    from falcon_svc.core import make_teacher

    start, _ = frozen
    space, network = SpaceLayer(start.space), copy.deepcopy(start.encoder.network)
    student = Classifier(network, space, start.head.teacher)
    teacher = make_teacher(student.train(), 0.99)
    before = {name: b.clone() for name, b in teacher.named_buffers()}
    batch = data.samples().clean(torch.arange(40))
    one = teacher(batch[:1])
    torch.testing.assert_close(one, teacher(batch)[:1], rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[name], b) for name, b in teacher.named_buffers())


def test_an_encoder_rate_of_its_own(data, frozen):
    start, _ = frozen
    weight = start.encoder.network.state_dict()["body.0.0.weight"]
    moves = []
    for rate in (0.01, 1.0):
        encoder, _ = run(data, frozen, SHORT.model_copy(update={"encoder_rate": rate}))
        moves.append((encoder.network.state_dict()["body.0.0.weight"] - weight).abs().max())
    assert moves[1] > 10 * moves[0]
