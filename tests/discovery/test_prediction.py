from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from falcon_svc.discovery.training import prediction
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.types import LabelSource

RELATION = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], dtype=np.bool_)
X = np.log(np.array([[0.1, 0.3, 0.4, 0.2], [0.5, 0.3, 0.1, 0.1], [0.1, 0.2, 0.3, 0.4]], np.float32))


class Identity(nn.Module):
    """Features are the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def source(*labels: int) -> LabelSource:
    return LabelSource("coarse", np.array(labels, dtype=np.int64), ("a", "b"))


def test_the_class_is_the_best_child_and_the_plain_argmax_is_told_too() -> None:
    got = predict(Identity(), X, (source(0, 1, 0),), (RELATION,))
    assert got.fine.tolist() == [1, 2, 3]
    assert got.fine_unmasked.tolist() == [2, 0, 3]
    np.testing.assert_allclose(got.confidence, [0.5, 1.0, 4 / 7], rtol=1e-5)
    np.testing.assert_allclose(got.margin, [0.5 - 1 / 3, 1.0, 2 / 7], rtol=1e-5)
    assert got.runner_up.tolist() == [3, -1, 1]
    assert got.confidence.dtype == got.margin.dtype == np.float32


def test_without_a_label_all_classes_are_open() -> None:
    masked = predict(Identity(), X, (source(-1, -1, -1),), (RELATION,))
    plain = predict(Identity(), X)
    assert masked.fine.tolist() == plain.fine.tolist() == plain.fine_unmasked.tolist() == [2, 0, 3]
    np.testing.assert_allclose(plain.confidence, [0.4, 0.5, 0.4], rtol=1e-5)


def test_a_label_of_two_classes_leaves_the_children_of_both_open() -> None:
    either = LabelSource("coarse", np.array([-1, 1, 1]), ("a", "b", "c"), {0: (0, 2)})
    relation = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.bool_)
    got = predict(Identity(), X, (either,), (relation,))
    assert got.fine.tolist() == [1, 2, 2] and got.runner_up.tolist() == [3, -1, -1]
    np.testing.assert_allclose(got.confidence[0], 0.5, rtol=1e-5)


def test_several_labels_narrow_the_choice_unless_they_contradict() -> None:
    other = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=np.bool_)
    both = (source(0, 1, 0), source(1, 1, 0))
    got = predict(Identity(), X, both, (RELATION, other))
    assert got.fine.tolist() == [1, 2, 0]  # the second sample's labels share no child
    assert got.runner_up.tolist() == [3, -1, -1]


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predict(Identity(), X, (source(0, 1, 0),), (RELATION,))
    monkeypatch.setattr(prediction, "_CHUNK_CELLS", 8)
    pieces = predict(Identity(), X, (source(0, 1, 0),), (RELATION,))
    for name in ("fine", "confidence", "margin", "runner_up", "fine_unmasked"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_one_class_in_all_is_certain() -> None:
    got = predict(Identity(), X[:, :1])
    assert got.confidence.tolist() == got.margin.tolist() == [1.0] * 3
    assert got.runner_up.tolist() == [-1] * 3
