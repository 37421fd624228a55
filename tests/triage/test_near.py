"""Neighbors of all samples and of some, and after coarse labels were corrected."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.triage import near
from falcon_svc.triage.near import Near, near_rows
from tests.triage.reviews import blob_review


@pytest.fixture
def made():
    review = blob_review(n_coarse=3, n_fine=6, per_fine=12)
    rng = np.random.default_rng(1)
    return review, rng.normal(size=(len(review.ids), 5)).astype(np.float32)


def test_some_are_as_they_are_among_all(made):
    review, x = made
    review.coarse[[5, 6]] = -1  # in no coarse class: they are their own
    rows = np.concatenate([review.members(2), review.members(0), [6]])
    np.testing.assert_array_equal(Near().of(rows, x, review), near_rows(x, review)[rows])


def test_only_labels_that_changed_are_searched_again(made, monkeypatch):
    review, x = made
    kept, searched = Near(), []
    kept.all(x, review)
    search = near.search_neighbors
    monkeypatch.setattr(
        near, "search_neighbors",
        lambda vectors, *more, **by: searched.append(len(vectors)) or search(vectors, *more, **by),
    )  # fmt: skip
    kept.all(x, review)
    assert not searched
    home = review.coarse.copy()
    review.coarse[np.flatnonzero(home == 0)[:2]] = 1
    review.coarse[np.flatnonzero(home == 0)[2]] = -1
    found = kept.all(x, review)
    assert searched == [int((home < 2).sum())]
    np.testing.assert_array_equal(found, near_rows(x, review))
    np.testing.assert_array_equal(kept.of(np.arange(7), x, review), found[:7])


def test_who_asks_for_some_does_not_search_for_all(made, monkeypatch):
    review, x = made
    monkeypatch.setattr(near, "search_neighbors", None)
    assert Near().of(review.members(1), x, review).shape == (12, near.N_NEIGHBORS)
