"""The head in numpy equals its formula, computed step by step in double precision."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from falcon_svc.core.heads import make_head
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.errors import InputError
from falcon_svc.pipeline.model import DiscoveryModel
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.record import Assignments
from falcon_svc.result.surety import Demand, Surety
from falcon_svc.service.predictions import records
from falcon_svc.types import LabelSource

F, C, D, K = 7, 3, 6, 5
NAMES = ("ant", "bee", "cat")
PARENT = np.array([0, 1, 2, 0, 1, 2, 0])


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=["linear", "mlp", "prototype"])
def model(request):
    rng = np.random.default_rng(0)
    shapes = {
        "mean": (D,), "projection": (D, K), "head.weight": (F, K), "head.bias": (F,),
        "head.inner": (4, K), "head.inner_bias": (4,), "head.outer": (K, 4),
    }  # fmt: skip
    tensors = {name: rng.standard_normal(shape).astype("f4") for name, shape in shapes.items()}
    tensors["head.log_temperature"] = np.float32(-1.5)
    tensors["relation.0"] = np.eye(C, dtype=np.uint8)[PARENT]
    return Predictor(tensors, request.param, (("coarse", NAMES),))


def expected_probabilities(model, vectors, allowed):
    t = {name: np.asarray(value, np.float64) for name, value in model.tensors.items()}
    inputs = unit(vectors - t["mean"]) @ t["projection"]
    if model.kind == "mlp":
        inner = np.maximum(inputs @ t["head.inner"].T + t["head.inner_bias"], 0)
        inputs = inputs + inner @ t["head.outer"].T
    scores = inputs @ t["head.weight"].T + t["head.bias"]
    if model.kind == "prototype":
        cosine = unit(inputs) @ unit(t["head.weight"]).T + t["head.bias"]
        scores = cosine / np.exp(t["head.log_temperature"])
    odds = np.where(allowed, np.exp(scores), 0.0)
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("coarse", [None, ["ant", None, "cat", "bee"]])
def test_predictions_are_those_of_the_formula(model, coarse):
    vectors = np.random.default_rng(1).standard_normal((4, D)).astype("f4")
    names = coarse or [None] * 4
    allowed = np.array([[name in (None, NAMES[k]) for k in PARENT] for name in names])
    prob = expected_probabilities(model, vectors.astype("f8"), allowed)
    parents = prob @ np.eye(C)[PARENT]
    found = records(model, model.predict(vectors, coarse, demand=Demand(0.5)))
    assert [row["fine"] for row in found] == prob.argmax(axis=1).tolist()
    assert [row["coarse"] for row in found] == [NAMES[k] for k in parents.argmax(axis=1)]
    confidence = [row["confidence"] for row in found]
    np.testing.assert_allclose(confidence, prob.max(axis=1), rtol=1e-4)
    together = [row["coarse_confidence"] for row in found]
    np.testing.assert_allclose(together, parents.max(axis=1), rtol=1e-4)
    assert max(together) <= 1.0
    assert [row["abstained"] for row in found] == [value < 0.5 for value in confidence]


def test_a_class_of_two_coarse_classes_is_reported_under_the_label_that_was_given(model):
    model.tensors["relation.0"] = np.tile(np.array([1, 1, 0], np.uint8), (F, 1))
    model.tensors["relation.0"][0] = [0, 0, 1]
    vectors = np.random.default_rng(1).standard_normal((3, D)).astype("f4")
    found = records(model, model.predict(vectors, ["ant", "bee", "cat"]))
    assert [row["coarse"] for row in found] == ["ant", "bee", "cat"]


@pytest.mark.parametrize("kind", ["linear", "mlp", "prototype"])
def test_the_head_in_numpy_is_the_head_in_torch_with_two_label_sources(kind):
    rng = np.random.default_rng(0)
    train = TrainConfig(head=kind, hidden_units=4)
    head = make_head(
        kind,
        torch.from_numpy(rng.standard_normal((F, K)).astype("f4")),
        torch.from_numpy(rng.standard_normal(F).astype("f4")),
        hidden=4,
        temperature=train.head_temperature,
        learned_temperature=train.learn_head_temperature,
        generator=torch.Generator().manual_seed(0),
    )
    space = FeatureSpace(
        rng.standard_normal(D).astype("f4"), rng.standard_normal((D, K)).astype("f4")
    )
    relations = (np.eye(C, dtype=bool)[PARENT], np.eye(2, dtype=bool)[PARENT % 2])
    names = (NAMES, ("even", "odd"))
    sources = (("coarse", NAMES), ("parity", names[1]))
    model = DiscoveryModel(space, head.eval(), train, relations, sources, "none")
    vectors = rng.standard_normal((50, D)).astype("f4")
    labels = [rng.integers(-1, len(n), 50) for n in names]
    expected = predict(
        head,
        space.apply(vectors),
        tuple(LabelSource(s[0], k, s[1]) for s, k in zip(sources, labels, strict=True)),
        relations,
    )
    given = {
        s[0]: [s[1][i] if i >= 0 else None for i in k] for s, k in zip(sources, labels, strict=True)
    }
    model = Predictor.of_files(model.files())
    found = model.predict(vectors, given)
    for field in fields(Assignments):
        np.testing.assert_allclose(
            getattr(found, field.name), getattr(expected, field.name), atol=1e-5
        )
    prob = model.probabilities(vectors, given)
    np.testing.assert_allclose(prob.sum(axis=1), 1.0, rtol=1e-5)
    assert np.array_equal(prob.argmax(axis=1), found.fine)


def test_a_label_source_that_the_model_lacks_is_refused(model):
    with pytest.raises(InputError, match="label sources of the discovery"):
        model.predict(np.ones((1, D), np.float32), {"colour": ["red"]})


def test_a_wanted_precision_counts_by_whether_a_known_label_is_given(model):
    easy, hard = np.array([[0.1], [0.99]], "f4"), np.array([[1.1], [0.99]], "f4")
    model.tensors.update(Surety(easy, hard).tensors())
    vectors = np.random.default_rng(1).standard_normal((3, D)).astype("f4")
    found = model.predict(vectors, ["ant", None, "elk"], demand=Demand(precision=0.9))
    assert found.abstained.tolist() == [False, True, True]  # no class of elks is known
    assert found.notes[-1].code == "estimated_precision"
