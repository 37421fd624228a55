"""The state of a review: its figures against plain definitions, and however much of it was kept."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.review import tally
from falcon_svc.review.overview import Overview
from falcon_svc.review.tally import Tally, counted
from falcon_svc.triage.corrections import (
    CorrectionError,
    Exclude,
    Label,
    Merge,
    Redo,
    Rename,
    Split,
    Undo,
)
from falcon_svc.triage.session import Session
from falcon_svc.triage.solutions import Placement
from tests.triage.reviews import blob_review, write_result


@pytest.fixture
def placed():
    """A review of 11 classes, and a placement whose runners-up are mostly siblings."""
    review = blob_review(n_coarse=3, n_fine=11, per_fine=30)
    rng = np.random.default_rng(3)
    n = len(review.ids)
    other = (review.fine + 3 * rng.integers(0, 3, n)) % 11
    other = np.where((other % 3 == review.fine % 3) & (rng.random(n) > 0.1), other, -1)
    placement = Placement(
        *(review.fine.copy(), other, rng.random(n).astype(np.float32)),
        rng.random(n).astype(np.float32),
        *(tuple(review.classes.values()), review.next_number),
    )
    return review, placement


def test_the_rival_is_the_class_with_the_largest_summed_probability(placed):
    review, placement = placed
    found = counted(review, placement)
    for number in review.classes:
        rows = review.members(number)
        sums = {
            int(k): placement.rival[rows][placement.runner_up[rows] == k].sum()
            for k in set(placement.runner_up[rows].tolist()) - {-1, number}
        }
        best = max(sums, key=sums.get, default=-1)  # the class with no runner-up has no rival
        size, settled, confidence, rival, mass = found.of(number)
        assert (size, settled, rival) == (len(rows), 0, best)
        assert mass == pytest.approx(sums.get(best, 0) / len(rows), abs=1e-4)
        assert confidence == pytest.approx(placement.confidence[rows].mean(), abs=1e-4)


def test_rivals_by_the_table_are_those_by_sorting(placed, monkeypatch):
    table = counted(*placed)
    monkeypatch.setattr(tally, "MOST_CELLS", 0)
    assert not len(counted(*placed).unlike(table))


def test_classes_that_come_and_go_are_counted_as_if_afresh(placed):
    review, placement = placed
    kept = Tally()
    kept.of(review, placement)
    without = review.copy()
    without.fine[without.fine == 4] = 1
    del without.classes[4]  # others' runner-up: they have another rival now
    for now in (without, review, without, review):
        assert not len(kept.of(now, placement).unlike(counted(now, placement)))


def _step(rng, session, number):
    held = session.review.classes[int(rng.choice(list(session.review.classes)))]
    rows = session.review.members(held.number)[:2]
    samples = tuple(session.review.ids[row] for row in rows)
    others = [c.id for c in session.review.siblings(held.parents[0]) if c.number != held.number]
    choices = [
        Undo,
        Undo,
        Redo,
        lambda: Rename(class_id=held.id, name=f"name {number}"),
        lambda: Label(class_id=held.id, samples=samples),
        lambda: Exclude(class_id=held.id, samples=samples),
        lambda: Merge(class_ids=(held.id, others[0])),
        lambda: Split(class_id=held.id, parts=(samples,), how="selection"),
    ]
    return choices[rng.integers(len(choices))]()


def test_what_was_written_before_never_shows(tmp_path):
    write_result(tmp_path / "result", n_coarse=2, n_fine=8, per_fine=12)
    session = Session(tmp_path / "result")
    kept, rng = Overview(session), np.random.default_rng(0)
    for number in range(120):
        try:
            session.submit([_step(rng, session, number)], author="a", expected=session.head)
        except (CorrectionError, ValueError, IndexError):
            continue  # it cannot be made: as good a step as any
        if rng.random() < 0.7:  # else two corrections come at once
            assert kept.json() == Overview(session).json()
    assert len(session.log.revisions) > 60
