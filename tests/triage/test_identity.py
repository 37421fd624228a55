"""Classes keep who they are over runs; new data join old classes, or propose new ones."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.triage import corrections as c
from falcon_svc.triage.edits import apply
from falcon_svc.triage.identity import match_run, overlaps, take_in
from tests.discoveries import blobs
from tests.triage.reviews import blob_review


def parents_of(review):
    return [held.parents for held in review.classes.values()]


def test_a_renumbered_run_keeps_ids_names_approval_and_colour():
    review = blob_review()
    apply(review, c.Rename(class_id="c3", name="jay"))
    apply(review, c.Accept(class_id="c3"))
    order = np.array([6, 5, 4, 3, 2, 1, 0])
    found = match_run(review, review.ids, order[review.fine], parents_of(review)[::-1])
    assert (found.placement.fine == review.fine).all()
    held = {h.number: h for h in found.placement.classes}
    assert held == review.classes
    assert {line.what for line in found.lineage} == {"kept"}


def test_lineage_of_a_split_a_merge_and_a_death():
    review = blob_review()  # classes 0, 3, 6 under coarse 0; 1, 4 under 1; 2, 5 under 2
    fine = review.fine.copy()
    fine[fine == 4] = 1  # 4 joins 1
    fine[review.members(0)[:5]] = 4  # off class 0
    parents = parents_of(review)
    parents[4] = (0,)
    found = match_run(review, review.ids, fine, parents)
    told = {(line.what, line.id): line.others for line in found.lineage}
    assert told["split", "c7"] == ("c0",)
    assert told["merged", "c4"] == ("c1",)
    assert found.placement.next_number == 8
    assert {h.id for h in found.placement.classes} >= {"c0", "c7"}


def test_no_match_over_the_wall():
    review = blob_review()
    moved = [((q[0] + 1) % 3,) for q in parents_of(review)]
    found = match_run(review, review.ids, review.fine, moved)
    assert {line.what for line in found.lineage} == {"split", "merged"}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20))
def test_overlaps_and_the_assignment_against_brute_force(pairs):
    old, new = np.array(pairs, np.int64).T
    share = overlaps(old, new, 3, 3)
    for a, b in itertools.product(range(3), range(3)):
        first, second = set(np.flatnonzero(old == a)), set(np.flatnonzero(new == b))
        expected = len(first & second) / len(first | second) if first | second else 0.0
        assert np.isclose(share[a, b], expected)


def test_new_samples_join_old_classes_and_strangers_are_proposed():
    x, _, fine = blobs()
    review = blob_review()
    rng = np.random.default_rng(1)
    rows = rng.choice(len(x), 30, replace=False)
    known = x[rows] + rng.normal(size=(30, 8)).astype(np.float32) * 0.05
    stranger = rng.normal(size=(12, 8)).astype(np.float32) * 0.5 + 40
    coarse = np.concatenate([fine[rows] % 3, np.full(12, 2)])
    found = take_in(review, x, np.concatenate([known, stranger]), coarse)
    assert (found.fine[:30] == fine[rows]).mean() > 0.9
    assert not found.fits[30:].any()
    assert [held.parents for held in found.proposed] == [(2,)]
    assert set(found.fine[30:]) == {found.proposed[0].number}
    assert all((held.parents[0] == 2) for held in found.proposed)


def test_drift_is_told_and_no_drift_is_not():
    x, _, fine = blobs(per_fine=60)
    review = blob_review(per_fine=60)
    rng = np.random.default_rng(2)
    rows = np.flatnonzero(fine == 1)
    centre = x[rows].mean(axis=0)
    calm = take_in(review, x, x[rows], fine[rows] % 3)
    assert calm.drift == ()
    farther = (centre + (x[rows] - centre) * 1.6).astype(np.float32)
    rng.shuffle(farther)
    told = take_in(review, x, farther, fine[rows] % 3).drift
    assert told[0].class_id == "c1"
    assert told[0].shift > 0.6
    assert "farther out" in told[0].sentence("jay")
