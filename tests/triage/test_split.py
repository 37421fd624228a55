"""Cuts of one class, into exactly k or automatically."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.neighbors import search_neighbors
from falcon_svc.triage import split
from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.triage.edits import apply
from falcon_svc.triage.split import cut_class, propose_split
from falcon_svc.types import LabelSource
from tests.triage.reviews import blob_review


def groups(n_groups, per_group=20, seed=0):
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.normal(size=(n_groups, 6)) * 8, per_group, axis=0)
    x = (centre + rng.normal(size=centre.shape)).astype(np.float32)
    source = LabelSource("c", np.zeros(len(x), np.int64), ("all",))
    return x, search_neighbors(x, source, 10, seed=0).index


def test_two_groups_are_cut_apart_and_one_is_cut_through():
    x, near = groups(2)
    two = cut_class(np.arange(40), x, near, 2)
    assert sorted(map(len, two.parts)) == [20, 20]
    assert {int(r) // 20 for r in two.parts[0]} in ({0}, {1})
    one = cut_class(np.arange(20), x[:20], np.minimum(near[:20], 19), 2)
    assert two.crossing < 0.1 < one.crossing


@pytest.mark.parametrize("k", [2, 3, 7, 20])
def test_exactly_k_parts_even_of_equal_points(k):
    x = np.zeros((20, 3), np.float32)
    near = np.tile(np.arange(10), (20, 1))
    cut = cut_class(np.arange(20), x, near, k)
    assert len(cut.parts) == k
    assert sorted(np.concatenate(cut.parts).tolist()) == list(range(20))


def test_large_classes_are_cut_by_a_sample(monkeypatch):
    x, near = groups(3, per_group=40)
    monkeypatch.setattr(split, "MOST_TREE_ROWS", 30)
    cut = cut_class(np.arange(120), x, near, 3)
    assert sorted(map(len, cut.parts)) == [40, 40, 40]


def test_a_proposal_is_a_correction_that_can_be_made():
    review = blob_review(n_coarse=1, n_fine=1, per_fine=60)
    x, near = groups(3)
    automatic = propose_split(review, "c0", x, near.__getitem__)
    assert len(automatic.parts) == 2  # three groups: two leave
    apply(review, propose_split(review, "c0", x, near.__getitem__, k=4))
    assert len(review.classes) == 4
    with pytest.raises(CorrectionError, match="can be split into 2 to"):
        propose_split(review, "c0", x, near.__getitem__, k=1000)
