"""What is told of each fine class, against loops over its members."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.discovery.training.classes import N_MEDOIDS, describe_classes
from falcon_svc.result.record import Assignments
from falcon_svc.types import LabelSource


def assigned(fine: np.ndarray, confidence: np.ndarray) -> Assignments:
    plain = fine.astype(np.int64)
    half = (confidence / 2).astype(np.float32)
    return Assignments(plain, confidence.astype(np.float32), half, plain, plain)


@pytest.fixture(scope="module")
def told():
    random = np.random.default_rng(0)
    fine = random.integers(0, 3, 60)  # class 3 stays empty
    inputs = random.standard_normal((60, 4)).astype(np.float32)
    confidence = random.random(60)
    relation = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool)
    source = LabelSource("coarse", (fine == 2).astype(np.int64), ("a", "b"))
    stability = np.array([0.5, 1.0, 0.0, np.nan], np.float32)
    classes = describe_classes(
        inputs, assigned(fine, confidence), (source,), (relation,), stability
    )
    return classes, fine, inputs, confidence


def test_sizes_parents_and_mean_confidence(told):
    classes, fine, _, confidence = told
    assert [c.size for c in classes] == [*np.bincount(fine), 0]
    assert [c.coarse["coarse"] for c in classes] == [0, 0, 1, 1]
    for c in classes[:3]:
        assert c.mean_confidence == pytest.approx(confidence[fine == c.id].mean(), abs=1e-6)


def test_medoids_are_the_members_nearest_to_the_mean(told):
    classes, fine, inputs, _ = told
    for c in classes[:3]:
        rows = np.flatnonzero(fine == c.id)
        distance = ((inputs[rows] - inputs[rows].mean(axis=0)) ** 2).sum(axis=1)
        assert list(c.medoids) == rows[np.argsort(distance)][:N_MEDOIDS].tolist()


def test_an_empty_class_has_no_medoid_and_no_stability(told):
    empty = told[0][3]
    assert (empty.size, empty.medoids, empty.stability) == (0, (), None)
