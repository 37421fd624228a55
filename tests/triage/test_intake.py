"""New data join old classes or propose new ones, and drift is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falcon_svc.triage.intake import drift_of, take_in
from tests.discoveries import blobs
from tests.triage.reviews import blob_review


def grown(x, fine, more, coarse):
    """The review of blobs with `more` samples that are in no class; inputs of all."""
    review = blob_review(per_fine=len(x) // 7)
    return replace(
        review,
        fine=np.concatenate([fine, np.full(len(more), -1)]),
        coarse=np.concatenate([review.coarse, coarse]),
        fixed=np.zeros(len(x) + len(more), np.bool_),
    ), np.concatenate([x, more]).astype(np.float32)


def test_new_samples_join_old_classes_and_strangers_are_proposed():
    x, _, fine = blobs()
    rng = np.random.default_rng(1)
    rows = rng.choice(len(x), 30, replace=False)
    known = x[rows] + rng.normal(size=(30, 8)).astype(np.float32) * 0.05
    stranger = rng.normal(size=(12, 8)).astype(np.float32) * 0.5 + 40
    coarse = np.concatenate([fine[rows] % 3, np.full(12, 2)])
    review, inputs = grown(x, fine, np.concatenate([known, stranger]), coarse)
    found = take_in(review, inputs, np.arange(len(x), len(inputs)))
    assert (found.fine[:30] == fine[rows]).mean() > 0.9
    assert not found.fits[30:].any()
    assert [(held.parents, held.name) for held in found.proposed] == [((2,), "coarse 2 new")]
    assert set(found.fine[30:]) == {found.proposed[0].number}


def test_a_few_strangers_stay_with_the_nearest_class_of_their_coarse_label():
    x, _, fine = blobs()
    review, inputs = grown(x, fine, np.full((3, 8), 40.0), np.full(3, 1))
    found = take_in(review, inputs, np.arange(len(x), len(inputs)))
    assert not found.fits.any() and not found.proposed
    assert set(found.fine) <= {1, 4}


def test_a_sample_without_a_label_goes_anywhere_and_one_without_classes_nowhere():
    x, _, fine = blobs()
    review, inputs = grown(x, fine, x[:2], np.array([-1, 2]))
    review.fine[np.isin(review.fine, (2, 5))] = -1
    found = take_in(review, inputs, np.arange(len(x), len(inputs)))
    assert found.fine.tolist() == [fine[0], -1]


def test_drift_is_told_and_no_drift_is_not():
    x, coarse, fine = blobs(per_fine=60)
    rows = np.flatnonzero(fine == 1)
    centre = x[rows].mean(axis=0)
    farther = centre + (x[rows] - centre) * 1.6
    for more, alarms in ((x[rows], []), (farther, ["c1"])):
        review, inputs = grown(x, fine, more, coarse[rows])
        review.fine[len(x) :] = 1
        known = np.arange(len(inputs)) < len(x)
        found = drift_of(review, inputs, known)
        assert [one.class_id for one in found] == alarms
    assert found[0].shift > 0.6 and found[0].n_new == 60
    assert "farther out" in found[0].sentence()
